use std::{
    cell::RefCell,
    future::{pending, ready},
    time::Duration,
};

use rstest::rstest;
use tokio::time::{Instant, advance, sleep, timeout};

use super::super::ServerState;
use super::*;

const A: &str = "10.0.0.1:5432";
const B: &str = "10.0.0.2:5432";
const C: &str = "10.0.0.3:5432";

/// What an address does.
#[derive(Clone, Copy, Debug)]
enum Does {
    Accept,
    Drop,
    Stall,
    RefuseTcp,
    Refuse(&'static str),
    ShowAnother,
    /// It accepts, as a primary or a standby.
    Be(ServerState),
}

/// Servers, and the hosts whose names lead to them.
struct Network {
    target: Target,
    names: Vec<Vec<&'static str>>,
    servers: Vec<(&'static str, Does)>,
    unanswered: Unanswered,
    dialled: RefCell<Vec<String>>,
}

impl Network {
    /// A host for each list of addresses.
    fn new(names: &[&[&'static str]], servers: &[(&'static str, Does)]) -> Self {
        let hosts: Vec<_> = (0..names.len())
            .map(|number| format!("h{number}"))
            .collect();
        let target = Target::parse(&format!("postgres://{}", hosts.join(",")));
        Self {
            target: target.expect("a URL"),
            names: names.iter().map(|addresses| addresses.to_vec()).collect(),
            servers: servers.to_vec(),
            unanswered: Unanswered::default(),
            dialled: RefCell::default(),
        }
    }

    /// Connects, and returns the address and the seconds that it took.
    async fn connect(&self) -> Result<(String, u64), Error> {
        self.dialled.borrow_mut().clear();
        let (attempt, began) = (Attempt::new("test", &self.target), Instant::now());
        let lookup = |host: Host| {
            let number: usize = host.name()[1..].parse().expect("a number");
            let addresses = self.names[number].iter().map(|address| address.parse());
            let addresses: Vec<SocketAddr> =
                addresses.collect::<Result<_, _>>().expect("addresses");
            ready(Ok(addresses))
        };
        let open = |server: ServerAddress, attempt: Attempt| async move {
            let address = server.address().to_string();
            self.dialled.borrow_mut().push(address.clone());
            let found = self.servers.iter().find(|(known, _)| *known == address);
            dial(found.map_or(Does::Drop, |(_, does)| *does), &attempt).await?;
            Ok(address)
        };
        match search(&self.target, &self.unanswered, &attempt, lookup, open).await {
            Ok(address) => Ok((address, began.elapsed().as_secs())),
            Err(failure) => Err(failure.into_error("app", &attempt)),
        }
    }

    fn dialled(&self) -> Vec<String> {
        self.dialled.borrow().clone()
    }
}

async fn dial(does: Does, attempt: &Attempt) -> Result<(), Failure> {
    let io = |kind: io::ErrorKind| Failure::broken(&io::Error::from(kind));
    match does {
        Does::Accept => Ok(()),
        Does::Drop => attempt.timeout(Step::TcpConnect, pending()).await,
        Does::Stall => {
            let connect = async {
                attempt.set_step(Step::TlsHandshake);
                pending::<()>().await;
            };
            attempt.timeout(Step::TcpConnect, connect).await
        }
        Does::Be(_) if !attempt.wants_certain_server() => Ok(()),
        Does::Be(state) => attempt.check_server(state),
        Does::RefuseTcp => Err(io(io::ErrorKind::ConnectionRefused)),
        Does::Refuse(sqlstate) => Err(Failure::refused(sqlstate, "no")),
        Does::ShowAnother => {
            attempt.set_step(Step::TlsHandshake);
            Err(io(io::ErrorKind::InvalidData))
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_address_that_drops_packets_costs_one_connect_two_seconds() {
    let network = Network::new(&[&[A, B]], &[(A, Does::Drop), (B, Does::Accept)]);
    assert_eq!(network.connect().await.expect("connects"), (B.into(), 2));
    assert_eq!(network.connect().await.expect("connects"), (B.into(), 0));
    assert_eq!(network.dialled(), [B]);
    advance(Duration::from_secs(60)).await;
    assert_eq!(network.connect().await.expect("connects"), (B.into(), 2));
    assert_eq!(network.dialled(), [A, B]);
}

#[tokio::test(start_paused = true)]
async fn a_caller_with_less_patience_does_not_begin_with_the_dead_address_again() {
    let network = Network::new(&[&[A, B]], &[(A, Does::Drop), (B, Does::Accept)]);
    let impatient = timeout(Duration::from_secs(1), network.connect()).await;
    assert!(impatient.is_err());
    let impatient = timeout(Duration::from_secs(1), network.connect()).await;
    assert_eq!(
        impatient.expect("in time").expect("connects"),
        (B.into(), 0)
    );
}

#[tokio::test(start_paused = true)]
async fn an_address_that_stalls_after_it_has_accepted_leaves_half_of_the_time() {
    let network = Network::new(&[&[A, B]], &[(A, Does::Stall), (B, Does::Accept)]);
    assert_eq!(network.connect().await.expect("connects"), (B.into(), 7));
}

#[tokio::test(start_paused = true)]
async fn what_no_address_can_do_is_said_of_each() {
    let servers = [(A, Does::Drop), (B, Does::RefuseTcp), (C, Does::Stall)];
    let network = Network::new(&[&[A, B], &[C]], &servers);
    let error = network.connect().await.expect_err("none can be used");
    assert_eq!(error.kind(), ErrorKind::Connect);
    assert!(error.is_transient());
    assert_eq!(
        error.message(),
        "no server could be used: h0 (10.0.0.1:5432): the TCP connection timed out after 2 s; h0 (10.0.0.2:5432): connection refused; \
         h1 (10.0.0.3:5432): the TLS handshake timed out after 13 s"
    );
}

#[tokio::test(start_paused = true)]
async fn fifty_dead_addresses_are_all_tried_in_time_and_not_all_listed() {
    let addresses: Vec<&str> = (0..50)
        .map(|number| &*format!("10.0.1.{number}:5432").leak())
        .collect();
    let network = Network::new(&[&addresses], &[]);
    let began = Instant::now();
    let error = network.connect().await.expect_err("none can be used");
    assert!(
        began.elapsed() <= Duration::from_millis(15_001),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(network.dialled().len(), 50);
    assert_eq!(error.kind(), ErrorKind::ConnectTimeout);
    assert!(error.message().ends_with("; and 44 more"), "{error}");
    assert!(error.hint().contains("firewall"), "{error}");
}

#[rstest]
#[case::refused(Does::RefuseTcp, &[A, B])]
#[case::starting(Does::Refuse("57P03"), &[A, C])]
fn where_another_server_can_help_it_is_tried(#[case] first: Does, #[case] dialled: &[&str]) {
    let accepted = dialled[1];
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build().expect("a runtime");
    let servers = [(A, first), (B, Does::Accept), (C, Does::Accept)];
    let network = Network::new(&[&[A, B], &[C]], &servers);
    let (address, _) = runtime.block_on(network.connect()).expect("connects");
    assert_eq!(
        (&*address, &*network.dialled()),
        (accepted, &*strings(dialled))
    );
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[rstest]
#[case::of_the_token(Does::Refuse("28P01"), "\"app\"")]
#[case::of_the_database(Does::Refuse("3D000"), "SQLSTATE 3D000")]
#[case::of_a_full_server(Does::Refuse("53300"), "SQLSTATE 53300")]
#[case::of_the_certificate(Does::ShowAnother, "could not be verified")]
#[tokio::test(start_paused = true)]
async fn a_refusal_ends_it_and_no_other_server_sees_the_token(
    #[case] first: Does,
    #[case] cause: &str,
) {
    let network = Network::new(&[&[A], &[B]], &[(A, first), (B, Does::Accept)]);
    let error = network.connect().await.expect_err("it ends");
    assert!(error.message().contains(cause), "{error}");
    assert_eq!(network.dialled(), [A]);
}

#[tokio::test(start_paused = true)]
async fn the_only_address_has_all_of_the_time_and_its_own_error() {
    let network = Network::new(&[&[A]], &[(A, Does::Drop)]);
    let error = network.connect().await.expect_err("it drops packets");
    assert_eq!(error.message(), "the TCP connection timed out after 15 s");
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_not_found_is_not_the_end() {
    let network = Network::new(&[&[], &[B]], &[(B, Does::Accept)]);
    assert_eq!(network.connect().await.expect("connects"), (B.into(), 0));
    let network = Network::new(&[&[]], &[]);
    let error = network.connect().await.expect_err("there is nothing");
    assert_eq!(error.message(), "the name h0 has no addresses");
}

#[tokio::test(start_paused = true)]
async fn a_name_server_that_hangs_leaves_time_for_the_next_host() {
    let network = Network::new(&[&[A], &[B]], &[]);
    let attempt = Attempt::new("test", &network.target);
    let lookup = |host: Host| async move {
        if host.name() == "h0" {
            sleep(Duration::from_secs(3_600)).await;
        }
        Ok(vec![B.parse().expect("an address")])
    };
    let open = |server: ServerAddress, _| ready(Ok(server.to_string()));
    let target = &network.target;
    let found = search(target, &network.unanswered, &attempt, lookup, open).await;
    let found = found.expect("connects");
    assert_eq!(found, "h1 (10.0.0.2:5432)");
    assert_eq!(attempt.elapsed().as_secs(), 7);
}

fn primary() -> Does {
    Does::Be(ServerState::of_row("false", "off"))
}

fn standby() -> Does {
    Does::Be(ServerState::of_row("true", "on"))
}

impl Network {
    fn wanting(mut self, attrs: TargetSessionAttrs) -> Self {
        self.target = self.target.with_target_session_attrs(attrs);
        self
    }
}

#[rstest]
#[case::primary(TargetSessionAttrs::ReadWrite, [standby(), primary()], &[A, B])]
#[case::primary_first(TargetSessionAttrs::Primary, [primary(), standby()], &[A])]
#[case::standby(TargetSessionAttrs::Standby, [primary(), standby()], &[A, B])]
#[case::read_only(TargetSessionAttrs::ReadOnly, [primary(), standby()], &[A, B])]
#[case::any(TargetSessionAttrs::Any, [standby(), primary()], &[A])]
#[case::preferred(TargetSessionAttrs::PreferStandby, [primary(), standby()], &[A, B])]
#[case::preferred_and_missing(TargetSessionAttrs::PreferStandby, [primary(), primary()], &[A, B, A])]
#[case::preferred_and_dead(TargetSessionAttrs::PreferStandby, [primary(), Does::Drop], &[A, B, A])]
#[tokio::test(start_paused = true)]
async fn the_server_that_is_wanted_is_found(
    #[case] wanted: TargetSessionAttrs,
    #[case] does: [Does; 2],
    #[case] dialled: &[&str],
) {
    let network = Network::new(&[&[A], &[B]], &[(A, does[0]), (B, does[1])]).wanting(wanted);
    network.connect().await.expect("connects");
    assert_eq!(network.dialled(), dialled);
}

#[tokio::test(start_paused = true)]
async fn servers_that_are_not_wanted_are_listed_for_what_they_are() {
    let servers = [(A, standby()), (B, Does::RefuseTcp), (C, standby())];
    let network =
        Network::new(&[&[A], &[B], &[C]], &servers).wanting(TargetSessionAttrs::ReadWrite);
    let error = network.connect().await.expect_err("there is no primary");
    assert_eq!(
        (error.kind(), error.is_transient()),
        (ErrorKind::Connect, true)
    );
    assert_eq!(
        error.message(),
        "no server could be used: h0 (10.0.0.1:5432): the server is a standby, and target_session_attrs asks for another; \
         h1 (10.0.0.2:5432): connection refused; \
         h2 (10.0.0.3:5432): the server is a standby, and target_session_attrs asks for another"
    );
    assert!(
        error.hint().contains("target_session_attrs=read-write"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_balanced_load_reaches_every_host_and_every_address() {
    let url = "postgres://h0,h1/db?load_balance_hosts=random";
    let servers = [(A, Does::Accept), (B, Does::Accept), (C, Does::Accept)];
    let mut network = Network::new(&[&[A, B], &[C]], &servers);
    network.target = Target::parse(url).expect("a URL");
    let mut reached = std::collections::BTreeSet::new();
    // Each is the first with a probability of a quarter at least.
    for _ in 0..200 {
        reached.insert(network.connect().await.expect("connects").0);
    }
    assert_eq!(reached.into_iter().collect::<Vec<_>>(), [A, B, C]);
}
