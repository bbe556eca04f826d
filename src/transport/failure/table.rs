//! The README's table of what can go wrong with a delivery, made from the code: one example of
//! each variant. The match without a wildcard keeps anybody from forgetting one.

use std::time::Duration;

use super::{Failure, Phase, TlsFailure};
use crate::domain::address::AddressRules;
use crate::domain::target::Target;
use crate::transport::status;

const BEGIN: &str = "<!-- failures: made by a test -->\n";
const END: &str = "<!-- end -->";

macro_rules! examples {
    ($($pattern:pat => $example:expr,)*) => {
        /// In the order in which an attempt comes to them.
        fn examples() -> Vec<Failure> {
            fn is_listed(failure: &Failure) {
                match failure { $($pattern => {})* }
            }
            let all = vec![$($example),*];
            let mut place = 0;
            $(
                is_listed(&all[place]);
                assert!(matches!(all[place], $pattern), "{}", all[place]);
                place += 1;
            )*
            assert_eq!(place, all.len());
            all
        }
    };
}

fn late(phase: Phase) -> Failure {
    let after = Duration::from_secs(15);
    Failure::Timeout { phase, after }
}

fn text(text: &str) -> String {
    text.to_owned()
}

examples! {
    Failure::Unresolved { .. } => Failure::Unresolved {
        host: text("shop.example"),
        detail: text("Name or service not known"),
    },
    Failure::Timeout { phase: Phase::Resolve, .. } => late(Phase::Resolve),
    Failure::Forbidden(_) => {
        let target = Target::parse("https://shop.example/").unwrap();
        let private = ["10.0.0.1".parse().unwrap()];
        AddressRules::default().vet(&target, &private).unwrap_err().into()
    },
    Failure::Refused { .. } => Failure::Refused { addresses: text("192.0.2.1:443") },
    Failure::Unreachable { .. } => Failure::Unreachable {
        addresses: text(
            "192.0.2.1:443 (connection refused) and [2001:db8::1]:443 (network unreachable)"
        ),
    },
    Failure::NoSocket { .. } => Failure::NoSocket { detail: text("Too many open files") },
    Failure::Timeout { phase: Phase::Connect, .. } => late(Phase::Connect),
    Failure::Timeout { phase: Phase::Handshake, .. } => late(Phase::Handshake),
    Failure::Tls(TlsFailure::NotTls) => Failure::Tls(TlsFailure::NotTls),
    Failure::Tls(TlsFailure::UnknownIssuer) => Failure::Tls(TlsFailure::UnknownIssuer),
    Failure::Tls(TlsFailure::SelfSigned) => Failure::Tls(TlsFailure::SelfSigned),
    Failure::Tls(TlsFailure::Expired { .. }) => {
        Failure::Tls(TlsFailure::Expired { days: Some(12) })
    },
    Failure::Tls(TlsFailure::NotYetValid { .. }) => {
        Failure::Tls(TlsFailure::NotYetValid { days: Some(1) })
    },
    Failure::Tls(TlsFailure::WrongName { .. }) => Failure::Tls(TlsFailure::WrongName {
        names: vec![text("shop.example"), text("www.shop.example")],
    }),
    Failure::Tls(TlsFailure::Certificate { .. }) => {
        Failure::Tls(TlsFailure::Certificate { detail: text("invalid encoding") })
    },
    Failure::Tls(TlsFailure::ClientCertificate) => Failure::Tls(TlsFailure::ClientCertificate),
    Failure::Tls(TlsFailure::OldVersion) => Failure::Tls(TlsFailure::OldVersion),
    Failure::Tls(TlsFailure::NothingInCommon) => Failure::Tls(TlsFailure::NothingInCommon),
    Failure::Tls(TlsFailure::UnknownName) => Failure::Tls(TlsFailure::UnknownName),
    Failure::Tls(TlsFailure::NoHttp1) => Failure::Tls(TlsFailure::NoHttp1),
    Failure::Tls(TlsFailure::Alert { .. }) => {
        Failure::Tls(TlsFailure::Alert { detail: text("InternalError") })
    },
    Failure::Tls(TlsFailure::Closed { .. }) => {
        Failure::Tls(TlsFailure::Closed { detail: text("connection reset") })
    },
    Failure::Tls(TlsFailure::Broken { .. }) => {
        Failure::Tls(TlsFailure::Broken { detail: text("peer misbehaved") })
    },
    Failure::NotPlain => Failure::NotPlain,
    Failure::Timeout { phase: Phase::FirstByte, .. } => late(Phase::FirstByte),
    Failure::Closed { .. } => Failure::Closed { detail: text("end of the stream") },
    Failure::Reset => Failure::Reset,
    Failure::NotHttp { .. } => Failure::NotHttp { begins: text("SSH-2.0-OpenSSH_9.2") },
    Failure::Malformed { .. } => Failure::Malformed { detail: text("a header without a colon") },
    Failure::HeadTooLong { .. } => Failure::HeadTooLong { most: 65_536 },
    Failure::TooManyFields { .. } => Failure::TooManyFields { most: 200 },
    Failure::TooManyInterim { .. } => Failure::TooManyInterim { most: 16 },
    Failure::Switched => Failure::Switched,
    Failure::Timeout { phase: Phase::Body, .. } => late(Phase::Body),
    Failure::CutShort { .. } => Failure::CutShort { received: 4, announced: 10 },
    Failure::CutInChunks => Failure::CutInChunks,
    Failure::CutOff { .. } => Failure::CutOff { detail: text("connection reset") },
    Failure::BadChunk { .. } => Failure::BadChunk { detail: text("`zz` is no length") },
}

fn table() -> String {
    let mut text = String::from("| what the delivery says | what to do |\n|---|---|\n");
    let failures = examples()
        .into_iter()
        .map(|it| (it.what(), it.remedy().to_owned()));
    for (what, remedy) in failures.chain(status::table()) {
        // What a rule of the addresses says ends in what would permit it.
        let remedy = if remedy.is_empty() {
            "see [Targets that are allowed](#targets-that-are-allowed)".to_owned()
        } else {
            remedy
        };
        text.push_str(&format!("| {what} | {remedy} |\n"));
    }
    text
}

#[test]
#[allow(
    clippy::disallowed_methods,
    reason = "a test's own switch, no setting of Herald"
)]
fn the_readme_has_every_failure_and_what_to_do() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let readme = std::fs::read_to_string(path).unwrap();
    let (before, rest) = readme.split_once(BEGIN).expect("the begin of the table");
    let (found, after) = rest.split_once(END).expect("the end of the table");
    let expected = table();
    if std::env::var_os("HERALD_TEST_BLESS").is_some() {
        std::fs::write(path, format!("{before}{BEGIN}{expected}{END}{after}")).unwrap();
        return;
    }
    assert_eq!(
        found, expected,
        "HERALD_TEST_BLESS=1 cargo test --lib the_readme_has_every_failure writes it"
    );
}

#[test]
fn every_failure_is_a_sentence_and_says_what_to_do() {
    for failure in examples() {
        let (what, remedy) = (failure.what(), failure.remedy());
        assert!(what.ends_with('.') && !what.contains('\n'), "{what}");
        assert!(what.len() + remedy.len() < 400, "{failure}");
        let forbidden = matches!(failure, Failure::Forbidden(_));
        assert_eq!(remedy.is_empty(), forbidden, "{failure}");
        assert!(forbidden || remedy.ends_with('.'), "{remedy}");
    }
}
