//! What a target must be, and that no notation of a forbidden address slips through.

use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> Result<Target, TargetError> {
    Target::parse(text)
}

fn rules(allowed: &[&str]) -> AddressRules {
    AddressRules::new(
        allowed
            .iter()
            .map(|network| network.parse().unwrap())
            .collect(),
    )
}

fn address(text: &str) -> IpAddr {
    parse(text).unwrap().literal_address().unwrap()
}

#[test]
fn an_ordinary_target_passes_normalised() {
    let target = parse(
        "HTTPS://Example.COM:443/Hook?a=B c"
            .replace(' ', "%20")
            .as_str(),
    )
    .unwrap();
    assert_eq!(target.as_str(), "https://example.com/Hook?a=B%20c");
    assert!(target.is_https());
    assert_eq!(target.port(), 443);
    assert_eq!(target.host(), Host::Domain("example.com"));
    assert_eq!(parse("http://example.com").unwrap().port(), 80);
    assert_eq!(parse("https://example.com:8443/").unwrap().port(), 8443);
    assert_eq!(
        parse("https://bücher.example/").unwrap().host(),
        Host::Domain("xn--bcher-kva.example")
    );
    assert_eq!(
        parse("https://example.com./").unwrap().host(),
        Host::Domain("example.com.")
    );
    assert!(parse("https://a_b.example.com/").is_ok());
}

#[test]
fn ipv4_in_every_notation_becomes_the_same_address() {
    for host in [
        "127.0.0.1",
        "2130706433",
        "0x7f.1",
        "0x7F000001",
        "0177.0.0.1",
        "127.1",
        "127.0.0.1.",
        "①②⑦.0.0.1",
        "127。0。0。1",
        "%31%32%37.0.0.1",
        "0000177.0x0.1",
    ] {
        let text = format!("http://{host}/");
        assert_eq!(address(&text), IpAddr::from([127, 0, 0, 1]), "{host}");
        let target = parse(&text).unwrap();
        let refused = rules(&[])
            .vet(&target, &[address(&text)])
            .unwrap_err()
            .to_string();
        assert!(refused.contains("loopback, 127.0.0.0/8"), "{refused}");
    }
    assert_eq!(
        address("https://[::FFFF:7f00:1]/"),
        "::ffff:127.0.0.1".parse::<IpAddr>().unwrap()
    );
    assert_eq!(
        parse("https://example.com/").unwrap().literal_address(),
        None
    );
}

#[test]
fn what_is_no_target_is_refused_with_the_rule() {
    let refused = |text: &str| parse(text).unwrap_err();
    assert_eq!(refused("mailto:a@example.com"), TargetError::Mail);
    assert_eq!(refused("MailTo:a@example.com"), TargetError::Mail);
    for text in [
        "",
        "ftp://example.com/",
        "example.com",
        "file:///etc/passwd",
        "https:example.com",
        "https:/example.com",
        "//example.com",
        "javascript:1",
        "ws://example.com",
        "hé",
    ] {
        assert_eq!(refused(text), TargetError::Scheme, "{text}");
    }
    for text in [
        "https://a@example.com/",
        "https://a:b@example.com/",
        "https://@example.com/",
        "https://:@example.com/",
        "http://example.com@127.0.0.1/",
        "https://a%40b@c/",
    ] {
        assert_eq!(refused(text), TargetError::UserInfo, "{text}");
    }
    assert_eq!(refused("https://example.com/#"), TargetError::Fragment);
    assert_eq!(refused("https://example.com#@x"), TargetError::Fragment);
    assert_eq!(refused("https://example.com:0/"), TargetError::Port);
    for (text, found) in [
        (" https://example.com", ' '),
        ("https://exa\tmple.com", '\t'),
        ("https://example.com/\n", '\n'),
        ("https:\\\\example.com", '\\'),
        ("https://a\\@b", '\\'),
        ("https://a\u{a0}b/", '\u{a0}'),
        ("https://a/\0", '\0'),
    ] {
        assert_eq!(refused(text), TargetError::Character { found }, "{text:?}");
    }
    for text in [
        "https://",
        "https:///example.com",
        "https://?x",
        "https://[::1",
        "https://[fe80::1%25eth0]/",
        "https://[fe80::1%eth0]/",
        "https://example.com:99999/",
        "https://256.256.256.256/",
        "https://1.2.3.4.5/",
        "https://a%00b/",
        "https://0x100000000/",
        "https://xn--a/",
        "https://:443/",
    ] {
        assert!(
            matches!(refused(text), TargetError::Unreadable(_)),
            "{text}: {:?}",
            refused(text)
        );
    }
    for text in [
        "https://a..b/",
        "https://./",
        "https://.a/",
        "https://a../",
        "https://a!b/",
        "https://a'b/",
        "https://a,b/",
        "https://*.example.com/",
    ] {
        assert!(
            matches!(refused(text), TargetError::HostName { .. }),
            "{text}: {:?}",
            parse(text)
        );
    }
    assert!(matches!(
        refused(&format!("https://{}.com/", "a".repeat(64))),
        TargetError::HostName { .. } | TargetError::Unreadable(_)
    ));
}

#[test]
fn a_target_has_at_most_2048_characters_also_once_normalised() {
    let long = |fill: &str, count: usize| format!("https://a.example/{}", fill.repeat(count));
    assert!(parse(&long("a", MAX_TARGET - 18)).is_ok());
    let length = MAX_TARGET + 1;
    assert_eq!(
        parse(&long("a", MAX_TARGET - 17)),
        Err(TargetError::TooLong { length })
    );
    assert!(matches!(
        parse(&long("é", 1_000)),
        Err(TargetError::TooLong { .. })
    ));
}

#[test]
fn one_forbidden_address_among_many_forbids_the_target() {
    let target = parse("https://example.com/").unwrap();
    let addresses = ["8.8.8.8".parse().unwrap(), "10.0.0.1".parse().unwrap()];
    assert_eq!(rules(&[]).vet(&target, &addresses[..1]), Ok(()));
    let refused = rules(&[]).vet(&target, &addresses).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the target `example.com` is forbidden: the address 10.0.0.1 is forbidden (private \
         network, 10.0.0.0/8); HERALD_ALLOW_NETWORKS could permit it"
    );
    assert_eq!(rules(&["10.0.0.0/24"]).vet(&target, &addresses), Ok(()));
    assert!(matches!(
        rules(&[]).vet(&target, &[]),
        Err(TargetError::NoAddress { .. })
    ));
}

#[test]
fn plain_http_is_for_allowed_networks_alone() {
    let target = parse("http://example.com/").unwrap();
    let [public, private] = ["8.8.8.8".parse().unwrap(), "10.0.0.1".parse().unwrap()];
    let refused = rules(&["10.0.0.0/8"])
        .vet(&target, &[private, public])
        .unwrap_err();
    assert!(matches!(refused, TargetError::PlainHttp { address, .. } if address == public));
    assert!(refused.to_string().contains("HERALD_ALLOW_NETWORKS"));
    assert_eq!(rules(&["10.0.0.0/8"]).vet(&target, &[private]), Ok(()));
    assert_eq!(
        rules(&["0.0.0.0/0"]).vet(&target, &[private, public]),
        Ok(())
    );
}

#[test]
fn a_port_of_another_service_is_refused_with_the_setting_that_permits_it() {
    let [public, private] = ["8.8.8.8".parse().unwrap(), "10.0.0.1".parse().unwrap()];
    let own = rules(&["10.0.0.0/8"]);
    for (url, address) in [
        ("https://example.com:25/", public),
        ("https://example.com:80/", public),
        ("http://example.com:22/", private),
    ] {
        let target = parse(url).unwrap();
        let refused = own.vet(&target, &[address]).unwrap_err();
        let port = target.port();
        assert_eq!(refused, TargetError::ForbiddenPort { port });
        assert!(refused.to_string().contains("HERALD_ALLOW_PORTS"));
        let opened = own.clone().with_ports(vec![port]);
        assert_eq!(opened.vet(&target, &[address]), Ok(()));
    }
    let target = parse("http://example.com/").unwrap();
    assert_eq!(own.vet(&target, &[private]), Ok(()));
}

#[test]
fn debugging_a_target_hides_its_path_and_query() {
    let target = parse("https://example.com/secret?token=1").unwrap();
    assert_eq!(format!("{target:?}"), "Target(https://example.com:443/…)");
}

/// The notations of an IPv4 address that the URL standard reads.
fn notations(ip: Ipv4Addr) -> Vec<String> {
    let [a, b, c, d] = ip.octets();
    let whole = u32::from(ip);
    let mapped = ip.to_ipv6_mapped();
    vec![
        ip.to_string(),
        format!("{ip}."),
        whole.to_string(),
        format!("{whole:#x}"),
        format!("0{whole:o}"),
        format!("{a:#x}.0{b:o}.{}", u32::from(c) << 8 | u32::from(d)),
        format!("{a}.{}", whole & 0xff_ffff),
        format!("[{mapped}]"),
        format!("[::ffff:{:x}:{:x}]", whole >> 16, whole & 0xffff),
        format!("[64:ff9b::{:x}:{:x}]", whole >> 16, whole & 0xffff),
        format!("[64:FF9B:0:0:0:0:{a}.{b}.{c}.{d}]"),
    ]
}

proptest! {
    #[test]
    fn no_notation_changes_how_an_address_is_judged(bits: u32, http: bool) {
        let ip = Ipv4Addr::from(bits);
        let scheme = if http { "http" } else { "https" };
        for allowed in [&[][..], &["127.0.0.0/8", "10.0.0.0/8", "128.0.0.0/1"]] {
            let rules = rules(allowed);
            let plain = parse(&format!("{scheme}://{ip}/")).unwrap();
            let verdict = rules.vet(&plain, &[ip.into()]).is_ok();
            for host in notations(ip) {
                let target = parse(&format!("{scheme}://{host}/")).unwrap();
                let address = target.literal_address().unwrap();
                prop_assert_eq!(rules.vet(&target, &[address]).is_ok(), verdict, "{}", host);
            }
        }
    }

    #[test]
    fn a_target_read_again_is_the_same(host in "[a-z0-9.:\\[\\]@%é-]{1,20}", path in "\\PC{0,30}") {
        if let Ok(target) = parse(&format!("https://{host}/{path}")) {
            prop_assert_eq!(parse(target.as_str()).unwrap(), target.clone());
            prop_assert!(target.as_str().is_ascii());
            prop_assert_eq!(target.url().username(), "");
        }
    }

    #[test]
    fn every_ipv6_address_is_itself(bits: u128, port in 1u16..) {
        let ip = Ipv6Addr::from(bits);
        let target = parse(&format!("https://[{ip}]:{port}/")).unwrap();
        prop_assert_eq!(target.literal_address(), Some(ip.into()));
        prop_assert_eq!(target.port(), port);
    }

    #[test]
    fn no_text_panics(text in "(https?://)?\\PC{0,60}") {
        let _ = parse(&text);
    }
}
