//! SeaweedFS 3.39 as the platform runs it: an older cluster that ignores much of S3.

use std::path::Path;
use std::sync::OnceLock;

use tempfile::TempDir;

use crate::http_probe::http_request;
use crate::watched_process::{Program, WatchedProcess};
use crate::{free_port, server_binary};

/// A SeaweedFS of its own: master, volume server, and filer with the S3 gateway.
///
/// Lists in tree order, ignores `If-None-Match`, encryption headers and Content-MD5, returns no checksums, and a PUT
/// creates a missing bucket. Its data is gone when it is dropped, or when the test process ends.
#[derive(Debug)]
pub struct Weed {
    // Dropped in this order: a filer without its master waits.
    filer: WatchedProcess,
    volume: WatchedProcess,
    master: WatchedProcess,
    _folder: TempDir,
    ports: Ports,
}

#[derive(Debug, Clone, Copy)]
struct Ports {
    master: u16,
    volume: u16,
    filer: u16,
    s3: u16,
}

impl Weed {
    /// Access key id of the only identity.
    pub const ACCESS_KEY: &str = "weed-test-user";
    /// Secret of the only identity.
    pub const SECRET_KEY: &str = "weed-test-secret";
    /// Region that requests are signed for; any will do.
    pub const REGION: &str = "us-east-1";

    /// Starts one and waits until it stores objects (about eight seconds: share it where you can).
    ///
    /// # Panics
    /// If it cannot be started; the message holds the end of the log.
    pub fn start() -> Self {
        let folder = TempDir::with_prefix("backup-weed-").expect("a folder under $TMPDIR");
        let ports = Ports {
            master: free_port(),
            volume: free_port(),
            filer: free_port(),
            s3: free_port(),
        };
        write_configuration(folder.path());
        let master = run(folder.path(), "master", master_arguments(ports));
        let volume = run(folder.path(), "volume", volume_arguments(ports));
        master.wait_until(|| answers(ports.master, "/dir/assign", "\"fid\""));
        let filer = run(folder.path(), "filer", filer_arguments(ports));
        let weed = Self {
            filer,
            volume,
            master,
            _folder: folder,
            ports,
        };
        weed.wait_until_ready();
        weed
    }

    /// One for the whole test binary, for tests that use a bucket of their own and do not stop it.
    ///
    /// A bucket takes seven volumes of 400.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Weed> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// `http://127.0.0.1:<port>` of the S3 gateway, for path-style requests.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.s3)
    }

    /// Port of the S3 gateway on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.ports.s3
    }

    /// Process ids of filer, volume server and master.
    pub fn pids(&self) -> [u32; 3] {
        [self.filer.pid(), self.volume.pid(), self.master.pid()]
    }

    /// Makes a bucket through the filer. Idempotent.
    ///
    /// # Panics
    /// If the filer refuses.
    pub fn create_bucket(&self, name: &str) {
        let (status, body) = http_request("POST", self.ports.filer, &format!("/buckets/{name}/")).expect("an answer");
        assert!(
            (200..300).contains(&status),
            "cannot make bucket {name}: {status} {body}"
        );
    }

    /// `kill -9` of all three processes; the data stays. Idempotent.
    ///
    /// There is no gentle stop: the volume server would wait ten seconds for its clients.
    pub fn kill(&mut self) {
        for process in [&mut self.filer, &mut self.volume, &mut self.master] {
            process.stop();
        }
    }

    /// Starts it again on the same ports and data.
    ///
    /// # Panics
    /// If it is not ready within a minute.
    pub fn start_again(&mut self) {
        self.master.start_again();
        self.volume.start_again();
        self.master
            .wait_until(|| answers(self.ports.master, "/dir/assign", "\"fid\""));
        self.filer.start_again();
        self.wait_until_ready();
    }

    fn wait_until_ready(&self) {
        self.filer.wait_until(|| answers(self.ports.filer, "/", ""));
        // Unsigned, so refused: but answered.
        self.filer
            .wait_until(|| http_request("GET", self.ports.s3, "/").is_ok());
    }
}

fn answers(port: u16, path: &str, text: &str) -> bool {
    matches!(http_request("GET", port, path), Ok((200, body)) if body.contains(text))
}

fn run(folder: &Path, role: &str, arguments: Vec<String>) -> WatchedProcess {
    let mut command = vec![server_binary("weed").display().to_string(), role.to_owned()];
    command.extend(["-ip=127.0.0.1", "-ip.bind=127.0.0.1"].map(str::to_owned));
    command.extend(arguments);
    WatchedProcess::start(Program {
        name: role,
        arguments: command,
        // It logs into TMPDIR as well.
        environment: ["HOME", "TMPDIR"]
            .map(|name| (name, folder.display().to_string()))
            .into(),
        folder,
        stop_signal: "KILL",
    })
}

fn master_arguments(ports: Ports) -> Vec<String> {
    let mut arguments = vec![format!("-port={}", ports.master)];
    let fast = [
        "-mdir=master",
        "-raftHashicorp",
        "-raftBootstrap",
        "-electionTimeout=1s",
        "-heartbeatInterval=100ms",
    ];
    arguments.extend(fast.map(str::to_owned));
    arguments.push("-volumeSizeLimitMB=256".to_owned());
    arguments
}

fn volume_arguments(ports: Ports) -> Vec<String> {
    let master = format!("-mserver=127.0.0.1:{}", ports.master);
    vec![
        format!("-port={}", ports.volume),
        master,
        "-dir=volume".to_owned(),
        "-max=400".to_owned(),
    ]
}

fn filer_arguments(ports: Ports) -> Vec<String> {
    let master = format!("-master=127.0.0.1:{}", ports.master);
    let s3 = format!("-s3.port={}", ports.s3);
    vec![
        format!("-port={}", ports.filer),
        master,
        "-s3".to_owned(),
        s3,
        "-s3.config=identities.json".to_owned(),
        "-localSocket=filer.sock".to_owned(), // else in /tmp, where it stays
    ]
}

fn write_configuration(folder: &Path) {
    for name in ["master", "volume"] {
        std::fs::create_dir(folder.join(name)).expect("a folder for the server");
    }
    let filer = "[leveldb2]\nenabled = true\ndir = \"filer\"\n";
    std::fs::write(folder.join("filer.toml"), filer).expect("the filer's configuration");
    let identities = serde_json::json!({ "identities": [{
        "name": "admin",
        "credentials": [{ "accessKey": Weed::ACCESS_KEY, "secretKey": Weed::SECRET_KEY }],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }]});
    std::fs::write(folder.join("identities.json"), identities.to_string()).expect("the S3 identities");
}
