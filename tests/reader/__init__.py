"""Opens sealed backups without the programs that made them, from docs/FORMAT.md alone.

In a disaster you need: a copy of this folder, Python 3.11, the key file (mode 0600), and a way to fetch objects.

    python3 -m venv v && v/bin/pip install 'cryptography>=50' zstandard
    aws s3 cp --recursive s3://platform-backups/postgres ./copy
    v/bin/python -m reader repo ./copy --key-file keys                    # is everything whole?
    v/bin/python -m reader repo ./copy --key-file keys --extract 20260422_170000/platform_money > money.pgdump
    pg_restore --create --dbname postgres money.pgdump

Run it from the folder that holds `reader/`. Only when the exit code is 0 is the output complete. One object can be opened
without the rest; `repository` is the `id` in `_pbe/repository.json`, `--path` the `logical_path` in the manifest:

    aws s3 cp s3://platform-backups/postgres/20260422_170000/platform_money.pgdump.zst.pbe .
    v/bin/python -m reader open platform_money.pgdump.zst.pbe --key-file keys \\
        --repository 0f3a… --path 20260422_170000/platform_money.pgdump > money.pgdump

With nothing but the `recovery-secret` of a safe, add the `verify` line of the signing key to the key file, or `--unsigned`.
"""
