//! What can go wrong with a delivery and what to do about it, for the reference: one example of
//! each variant. The match without a wildcard keeps anybody from forgetting one.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::failure::{Phase, RequestFailure, TlsFailure};
use super::status;
use crate::domain::address::{AddressRules, ForbiddenAddress};
use crate::domain::target::TargetError;

macro_rules! examples {
    ($($pattern:pat => $example:expr,)*) => {
        /// In the order in which an attempt comes to them.
        fn examples() -> Vec<RequestFailure> {
            vec![$($example),*]
        }

        #[test]
        fn every_failure_has_its_example() {
            fn is_listed(failure: &RequestFailure) {
                match failure { $($pattern => {})* }
            }
            let mut all = examples().into_iter();
            $(
                let example = all.next().unwrap();
                is_listed(&example);
                assert!(matches!(example, $pattern), "{example}");
            )*
            assert!(all.next().is_none());
        }
    };
}

/// What each failure of an attempt says, and what to do about it; nothing where it says that
/// itself. Answers that are no success come last.
pub(crate) fn failures() -> Vec<(String, String)> {
    let failures = examples()
        .into_iter()
        .map(|it| (it.what(), it.remedy().to_owned()));
    failures.chain(status::table()).collect()
}

fn late(phase: Phase) -> RequestFailure {
    let after = Duration::from_secs(15);
    RequestFailure::Timeout { phase, after }
}

fn text(text: &str) -> String {
    text.to_owned()
}

/// A private address, as the rules judge it.
fn forbidden() -> RequestFailure {
    let address = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
    let judged = AddressRules::default().check(address);
    let rule = judged.err().map_or("", |forbidden| forbidden.rule);
    let source = ForbiddenAddress { address, rule };
    let host = text("shop.example");
    TargetError::Forbidden { host, source }.into()
}

examples! {
    RequestFailure::Unresolved { .. } => RequestFailure::Unresolved {
        host: text("shop.example"),
        detail: text("Name or service not known"),
    },
    RequestFailure::Timeout { phase: Phase::Resolve, .. } => late(Phase::Resolve),
    RequestFailure::Forbidden(_) => forbidden(),
    RequestFailure::Refused { .. } => RequestFailure::Refused { addresses: text("192.0.2.1:443") },
    RequestFailure::Unreachable { .. } => RequestFailure::Unreachable {
        addresses: text(
            "192.0.2.1:443 (connection refused) and [2001:db8::1]:443 (network unreachable)"
        ),
    },
    RequestFailure::NoSocket { .. } => {
        RequestFailure::NoSocket { detail: text("Too many open files") }
    },
    RequestFailure::Timeout { phase: Phase::Connect, .. } => late(Phase::Connect),
    RequestFailure::Timeout { phase: Phase::Handshake, .. } => late(Phase::Handshake),
    RequestFailure::Tls(TlsFailure::NotTls) => RequestFailure::Tls(TlsFailure::NotTls),
    RequestFailure::Tls(TlsFailure::UnknownIssuer) => {
        RequestFailure::Tls(TlsFailure::UnknownIssuer)
    },
    RequestFailure::Tls(TlsFailure::SelfSigned) => RequestFailure::Tls(TlsFailure::SelfSigned),
    RequestFailure::Tls(TlsFailure::Expired { .. }) => {
        RequestFailure::Tls(TlsFailure::Expired { days: Some(12) })
    },
    RequestFailure::Tls(TlsFailure::NotYetValid { .. }) => {
        RequestFailure::Tls(TlsFailure::NotYetValid { days: Some(1) })
    },
    RequestFailure::Tls(TlsFailure::WrongName { .. }) => RequestFailure::Tls(TlsFailure::WrongName {
        names: vec![text("shop.example"), text("www.shop.example")],
    }),
    RequestFailure::Tls(TlsFailure::Certificate { .. }) => {
        RequestFailure::Tls(TlsFailure::Certificate { detail: text("invalid encoding") })
    },
    RequestFailure::Tls(TlsFailure::ClientCertificate) => {
        RequestFailure::Tls(TlsFailure::ClientCertificate)
    },
    RequestFailure::Tls(TlsFailure::OldVersion) => RequestFailure::Tls(TlsFailure::OldVersion),
    RequestFailure::Tls(TlsFailure::NothingInCommon) => {
        RequestFailure::Tls(TlsFailure::NothingInCommon)
    },
    RequestFailure::Tls(TlsFailure::UnknownName) => RequestFailure::Tls(TlsFailure::UnknownName),
    RequestFailure::Tls(TlsFailure::NoHttp1) => RequestFailure::Tls(TlsFailure::NoHttp1),
    RequestFailure::Tls(TlsFailure::Alert { .. }) => {
        RequestFailure::Tls(TlsFailure::Alert { detail: text("InternalError") })
    },
    RequestFailure::Tls(TlsFailure::Closed { .. }) => {
        RequestFailure::Tls(TlsFailure::Closed { detail: text("connection reset") })
    },
    RequestFailure::Tls(TlsFailure::Broken { .. }) => {
        RequestFailure::Tls(TlsFailure::Broken { detail: text("peer misbehaved") })
    },
    RequestFailure::NotPlain => RequestFailure::NotPlain,
    RequestFailure::Timeout { phase: Phase::FirstByte, .. } => late(Phase::FirstByte),
    RequestFailure::Closed { .. } => RequestFailure::Closed { detail: text("end of the stream") },
    RequestFailure::Reset => RequestFailure::Reset,
    RequestFailure::NotHttp { .. } => {
        RequestFailure::NotHttp { begins: text("SSH-2.0-OpenSSH_9.2") }
    },
    RequestFailure::Malformed { .. } => {
        RequestFailure::Malformed { detail: text("a header without a colon") }
    },
    RequestFailure::HeadTooLong { .. } => RequestFailure::HeadTooLong { most: 65_536 },
    RequestFailure::TooManyFields { .. } => RequestFailure::TooManyFields { most: 200 },
    RequestFailure::TooManyInterim { .. } => RequestFailure::TooManyInterim { most: 16 },
    RequestFailure::Switched => RequestFailure::Switched,
    RequestFailure::Timeout { phase: Phase::Body, .. } => late(Phase::Body),
    RequestFailure::CutShort { .. } => RequestFailure::CutShort { received: 4, announced: 10 },
    RequestFailure::CutInChunks => RequestFailure::CutInChunks,
    RequestFailure::CutOff { .. } => RequestFailure::CutOff { detail: text("connection reset") },
    RequestFailure::BadChunk { .. } => {
        RequestFailure::BadChunk { detail: text("`zz` is no length") }
    },
}

#[test]
fn every_failure_is_a_sentence_and_says_what_to_do() {
    for failure in examples() {
        let (what, remedy) = (failure.what(), failure.remedy());
        assert!(what.ends_with('.') && !what.contains('\n'), "{what}");
        assert!(what.len() + remedy.len() < 400, "{failure}");
        let forbidden = matches!(failure, RequestFailure::Forbidden(_));
        assert_eq!(remedy.is_empty(), forbidden, "{failure}");
        assert!(forbidden || remedy.ends_with('.'), "{remedy}");
    }
}
