//! A proxy between a client and a server that breaks HTTP/1.1 on purpose.

mod early_end;
mod exchange;
mod http1;
mod rule;

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use self::exchange::serve;
use self::http1::Head;
use self::rule::Armed;
pub use self::rule::{Action, Rule};

/// Listens on a port of its own and passes every request on to a server on 127.0.0.1, except what its rules say.
///
/// The Host header passes untouched, so signed requests stay valid (AWS signs the port too: the server does not compare
/// it with its own). Bodies are held in memory. Connections are cut when the proxy is dropped.
#[derive(Debug)]
pub struct FaultProxy {
    port: u16,
    shared: Arc<Shared>,
    listener: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    upstream: u16,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    rules: Vec<Armed>,
    log: Vec<String>,
    hits: usize,
}

impl FaultProxy {
    /// Starts a proxy without rules in front of 127.0.0.1:`upstream_port`.
    ///
    /// # Panics
    /// If no port can be opened.
    pub async fn start(upstream_port: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .expect("a port for the proxy");
        let port = listener.local_addr().expect("a bound port").port();
        let shared = Arc::new(Shared {
            upstream: upstream_port,
            state: Mutex::default(),
        });
        let listener = tokio::spawn(accept(listener, shared.clone()));
        Self { port, shared, listener }
    }

    /// Port on 127.0.0.1 to send requests to.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `http://127.0.0.1:<port>`.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Adds a rule. The first rule added that applies to a request decides; each counts the requests that it matches.
    pub fn add(&self, rule: Rule) {
        self.shared.state().rules.push(Armed::new(rule));
    }

    /// Removes all rules; the log and the count of hits stay.
    pub fn clear(&self) {
        self.shared.state().rules.clear();
    }

    /// Requests seen so far, in the order of their arrival: `METHOD path?query`.
    pub fn log(&self) -> Vec<String> {
        self.shared.state().log.clone()
    }

    /// How many faults were really injected. A cut or flipped body that turns out empty is not one.
    pub fn hits(&self) -> usize {
        self.shared.state().hits
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of the lock panics")
    }

    /// Records a request and tells what is to happen to it.
    fn fault_for(&self, head: &Head) -> Option<Action> {
        let request = head.request();
        let mut state = self.state();
        let mut fault = None;
        for armed in &mut state.rules {
            if armed.applies_to(&request) && fault.is_none() {
                fault = Some(armed.action());
            }
        }
        state.log.push(request);
        fault
    }

    fn count_hit(&self) {
        self.state().hits += 1;
    }
}

/// The connections live in a set of this task: aborting it cuts them.
async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        connections.spawn(connection(client, shared.clone()));
        while connections.try_join_next().is_some() {}
    }
}

async fn connection(client: TcpStream, shared: Arc<Shared>) {
    // A broken connection on either side is passed on by closing the other: that is all a proxy can do.
    drop(serve(client, &shared).await);
}
