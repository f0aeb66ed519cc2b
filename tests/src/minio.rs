//! MinIO: stands for AWS S3 with KMS.

use std::sync::OnceLock;

use tempfile::TempDir;

use crate::http_probe::http_request;
use crate::watched_process::{Program, WatchedProcess};
use crate::{free_port, server_binary};

/// A MinIO of its own: byte order listing, conditional puts, checksums, `aws:kms` and `AES256` confirmed in its answers.
///
/// Its data is gone when it is dropped, or when the test process ends.
#[derive(Debug)]
pub struct Minio {
    process: WatchedProcess,
    folder: TempDir,
    port: u16,
}

impl Minio {
    /// Access key id of the only user.
    pub const ACCESS_KEY: &str = "minio-test-user";
    /// Secret of the only user.
    pub const SECRET_KEY: &str = "minio-test-secret";
    /// Id of the key that `aws:kms` uses when a request names none. Others do not exist.
    pub const KMS_KEY: &str = "test-key";
    /// Region that requests are signed for.
    pub const REGION: &str = "us-east-1";

    /// Starts one and waits until it answers (about a second).
    ///
    /// # Panics
    /// If it cannot be started; the message holds the end of its log.
    pub fn start() -> Self {
        let binary = server_binary("minio");
        let folder = TempDir::with_prefix("backup-minio-").expect("a folder under $TMPDIR");
        let port = free_port();
        let arguments = [
            &binary.display().to_string(),
            "server",
            "data",
            "--address",
            &format!("127.0.0.1:{port}"),
        ];
        let process = WatchedProcess::start(Program {
            name: "minio",
            arguments: arguments.map(str::to_owned).to_vec(),
            environment: Self::environment(&folder),
            folder: folder.path(),
            stop_signal: "TERM",
        });
        let minio = Self { process, folder, port };
        minio.wait_until_ready();
        minio
    }

    /// One for the whole test binary, for tests that use a bucket of their own and do not stop it.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Minio> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// `http://127.0.0.1:<port>`, for path-style requests.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Process id of the server.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Makes a bucket (three characters or more). Idempotent.
    ///
    /// On a single drive every folder is a bucket: no signed request is needed.
    ///
    /// # Panics
    /// If the folder cannot be made.
    pub fn create_bucket(&self, name: &str) {
        std::fs::create_dir_all(self.folder.path().join("data").join(name)).expect("a folder for the bucket");
    }

    /// Stops the server and keeps its data. Idempotent.
    pub fn stop(&mut self) {
        self.process.stop();
    }

    /// `kill -9`; the data stays. Idempotent.
    pub fn kill(&mut self) {
        self.process.end("KILL");
    }

    /// Starts it again on the same port and data.
    ///
    /// # Panics
    /// If it is not ready within a minute.
    pub fn start_again(&mut self) {
        self.process.start_again();
        self.wait_until_ready();
    }

    fn wait_until_ready(&self) {
        let ready = || matches!(http_request("GET", self.port, "/minio/health/cluster"), Ok((200, _)));
        self.process.wait_until(ready);
    }

    fn environment(folder: &TempDir) -> Vec<(&'static str, String)> {
        // 32 bytes in base64: the whole KMS.
        let kms_key = format!("{}:{}=", Self::KMS_KEY, "A".repeat(43));
        vec![
            ("MINIO_ROOT_USER", Self::ACCESS_KEY.to_owned()),
            ("MINIO_ROOT_PASSWORD", Self::SECRET_KEY.to_owned()),
            ("MINIO_KMS_SECRET_KEY", kms_key),
            ("MINIO_UPDATE", "off".to_owned()),
            ("MINIO_BROWSER", "off".to_owned()),
            ("HOME", folder.path().display().to_string()),
        ]
    }
}
