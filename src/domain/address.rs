//! Which addresses Herald may connect to: the guard against server-side request forgery. It
//! judges addresses alone, and knows neither names nor URLs.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// The forbidden networks of IPv4, each with the text that a refusal shows.
const FORBIDDEN_V4: &[(Ipv4Net, &str)] = &[
    (v4(0, 0, 0, 0, 8), "this host and this network, 0.0.0.0/8"),
    (v4(10, 0, 0, 0, 8), "private network, 10.0.0.0/8"),
    (
        v4(100, 64, 0, 0, 10),
        "shared by a provider's customers, 100.64.0.0/10",
    ),
    (v4(127, 0, 0, 0, 8), "loopback, 127.0.0.0/8"),
    (
        v4(168, 63, 129, 16, 32),
        "a cloud's own services, 168.63.129.16",
    ),
    (
        v4(169, 254, 0, 0, 16),
        "link-local and cloud metadata, 169.254.0.0/16",
    ),
    (v4(172, 16, 0, 0, 12), "private network, 172.16.0.0/12"),
    (v4(192, 0, 0, 0, 24), "protocol assignments, 192.0.0.0/24"),
    (v4(192, 0, 2, 0, 24), "for documentation, 192.0.2.0/24"),
    (v4(192, 88, 99, 0, 24), "6to4 relays, 192.88.99.0/24"),
    (v4(192, 168, 0, 0, 16), "private network, 192.168.0.0/16"),
    (v4(198, 18, 0, 0, 15), "for benchmarks, 198.18.0.0/15"),
    (
        v4(198, 51, 100, 0, 24),
        "for documentation, 198.51.100.0/24",
    ),
    (v4(203, 0, 113, 0, 24), "for documentation, 203.0.113.0/24"),
    (v4(224, 0, 0, 0, 4), "multicast, 224.0.0.0/4"),
    (v4(240, 0, 0, 0, 4), "reserved and broadcast, 240.0.0.0/4"),
];

/// The forbidden networks of IPv6; the first that fits names the rule. What stands for an IPv4
/// address is unwrapped before it comes here.
const FORBIDDEN_V6: &[(Ipv6Net, &str)] = &[
    (v6([0, 0, 0, 0, 0, 0, 0, 1], 128), "loopback, ::1"),
    (
        v6([0, 0, 0, 0, 0, 0, 0, 0], 128),
        "the unspecified address, ::",
    ),
    (
        v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48),
        "local translation to IPv4, 64:ff9b:1::/48",
    ),
    (v6([0, 0, 0, 0, 0, 0, 0, 0], 8), "reserved, ::/8"),
    (
        v6([0x100, 0, 0, 0, 0, 0, 0, 0], 64),
        "discard only, 100::/64",
    ),
    (
        v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23),
        "protocol assignments and Teredo, 2001::/23",
    ),
    (
        v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32),
        "for documentation, 2001:db8::/32",
    ),
    (v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16), "6to4, 2002::/16"),
    (
        v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20),
        "for documentation, 3fff::/20",
    ),
    (
        v6([0x5f00, 0, 0, 0, 0, 0, 0, 0], 16),
        "segment routing, 5f00::/16",
    ),
    (
        v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7),
        "private network, fc00::/7",
    ),
    (
        v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10),
        "link-local, fe80::/10",
    ),
    (
        v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10),
        "site-local, fec0::/10",
    ),
    (v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8), "multicast, ff00::/8"),
];

/// IPv6 networks whose last 32 bits are an IPv4 address: v4-mapped, and NAT64 (RFC 6052).
const WRAPPING_V4: [Ipv6Net; 2] = [
    v6([0, 0, 0, 0, 0, 0xffff, 0, 0], 96),
    v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96),
];

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(s: [u16; 8], prefix: u8) -> Ipv6Net {
    let [a, b, c, d, e, f, g, h] = s;
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, e, f, g, h), prefix)
}

/// The forbidden networks and ports, less those that the operator allowed by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AddressRules {
    allowed: Vec<IpNet>,
    ports: Vec<u16>,
    guarded: Vec<u16>,
}

/// An address that may be connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permitted {
    /// Whether one of the operator's `allow_networks` covers it: there alone plain http is
    /// permitted.
    pub covered: bool,
}

/// An address that may not be connected to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the address {address} is forbidden ({rule}); HERALD_ALLOW_NETWORKS could permit it")]
pub struct ForbiddenAddress {
    /// The address as it was given.
    pub address: IpAddr,
    /// The forbidden network, as text and as a prefix.
    pub rule: &'static str,
}

impl AddressRules {
    /// Rules with the networks that the operator opens. A network inside a range that stands for
    /// IPv4 addresses (`::ffff:10.0.0.0/104`) opens those IPv4 addresses. `::/0` opens IPv6 alone.
    #[must_use]
    pub fn new(allow_networks: Vec<IpNet>) -> Self {
        Self {
            allowed: allow_networks.into_iter().map(unwrap_network).collect(),
            ..Self::default()
        }
    }

    /// The same with more ports that targets may use.
    #[must_use]
    pub fn with_ports(self, ports: Vec<u16>) -> Self {
        Self { ports, ..self }
    }

    /// The same with ports of this machine that no target may lead to: those of Herald and of its
    /// database.
    #[must_use]
    pub fn guarding(self, guarded: Vec<u16>) -> Self {
        Self { guarded, ..self }
    }

    /// Whether targets may use a port: those that other services than the web's have are mostly
    /// below 1024. `covered`: the operator's networks cover all addresses.
    #[must_use]
    pub fn permits_port(&self, port: u16, covered: bool) -> bool {
        matches!(port, 443 | 1024..) || port == 80 && covered || self.ports.contains(&port)
    }

    /// Whether a port is Herald's or its database's, where this machine listens.
    #[must_use]
    pub fn guards(&self, port: u16) -> bool {
        self.guarded.contains(&port)
    }

    /// Judges one address. An IPv4 address is judged alike in every IPv6 notation of it.
    ///
    /// # Errors
    /// The address is in a forbidden network and in none that the operator allowed.
    pub fn check(&self, address: IpAddr) -> Result<Permitted, ForbiddenAddress> {
        let judged = unwrap_address(address);
        if self.allowed.iter().any(|network| network.contains(&judged)) {
            return Ok(Permitted { covered: true });
        }
        let rule = match judged {
            IpAddr::V4(ip) => FORBIDDEN_V4
                .iter()
                .find(|(network, _)| network.contains(&ip))
                .map(|(_, rule)| *rule),
            IpAddr::V6(ip) => FORBIDDEN_V6
                .iter()
                .find(|(network, _)| network.contains(&ip))
                .map(|(_, rule)| *rule),
        };
        match rule {
            Some(rule) => Err(ForbiddenAddress { address, rule }),
            None => Ok(Permitted { covered: false }),
        }
    }
}

/// The IPv4 address inside a v4-mapped or NAT64 address; any other address as it is.
#[must_use]
pub fn unwrap_address(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(ip) if WRAPPING_V4.iter().any(|network| network.contains(&ip)) => {
            let [.., a, b, c, d] = ip.octets();
            Ipv4Addr::new(a, b, c, d).into()
        }
        other => other,
    }
}

fn unwrap_network(network: IpNet) -> IpNet {
    let prefix = network.prefix_len().checked_sub(96);
    match (unwrap_address(network.addr()), network.addr(), prefix) {
        (IpAddr::V4(inner), IpAddr::V6(_), Some(prefix)) => {
            Ipv4Net::new(inner, prefix).map_or(network, IpNet::V4)
        }
        _ => network,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rules(allowed: &[&str]) -> AddressRules {
        AddressRules::new(
            allowed
                .iter()
                .map(|network| network.parse().unwrap())
                .collect(),
        )
    }

    fn rule_of(address: &str) -> Option<&'static str> {
        rules(&[])
            .check(address.parse().unwrap())
            .err()
            .map(|error| error.rule)
    }

    /// An address of a network, chosen by the bits of `host`.
    fn inside_v4(network: Ipv4Net, host: u32) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(network.network()) | host & u32::from(network.hostmask()))
    }

    fn inside_v6(network: Ipv6Net, host: u128) -> Ipv6Addr {
        Ipv6Addr::from(u128::from(network.network()) | host & u128::from(network.hostmask()))
    }

    fn wrapped(ip: Ipv4Addr) -> [Ipv6Addr; 2] {
        WRAPPING_V4
            .map(|network| Ipv6Addr::from(u128::from(network.addr()) | u128::from(u32::from(ip))))
    }

    #[test]
    fn each_refusal_names_its_rule() {
        let cases = [
            ("127.0.0.1", "loopback, 127.0.0.0/8"),
            ("0.0.0.0", "this host and this network, 0.0.0.0/8"),
            ("10.1.2.3", "private network, 10.0.0.0/8"),
            ("172.31.255.255", "private network, 172.16.0.0/12"),
            ("192.168.0.1", "private network, 192.168.0.0/16"),
            (
                "169.254.169.254",
                "link-local and cloud metadata, 169.254.0.0/16",
            ),
            ("168.63.129.16", "a cloud's own services, 168.63.129.16"),
            (
                "100.127.255.255",
                "shared by a provider's customers, 100.64.0.0/10",
            ),
            ("255.255.255.255", "reserved and broadcast, 240.0.0.0/4"),
            ("::ffff:127.0.0.1", "loopback, 127.0.0.0/8"),
            (
                "64:ff9b::a9fe:a9fe",
                "link-local and cloud metadata, 169.254.0.0/16",
            ),
            ("64:ff9b:1::1", "local translation to IPv4, 64:ff9b:1::/48"),
            ("::1", "loopback, ::1"),
            ("::", "the unspecified address, ::"),
            ("::127.0.0.1", "reserved, ::/8"),
            ("::ffff:0:127.0.0.1", "reserved, ::/8"),
            ("64:ff9b::1:0:0", "reserved, ::/8"),
            ("2001:0:1::1", "protocol assignments and Teredo, 2001::/23"),
            ("2002:7f00:1::", "6to4, 2002::/16"),
            ("fd00::1", "private network, fc00::/7"),
            ("fe80::1", "link-local, fe80::/10"),
            ("ff02::1", "multicast, ff00::/8"),
        ];
        for (address, rule) in cases {
            assert_eq!(rule_of(address), Some(rule), "{address}");
        }
    }

    #[test]
    fn public_addresses_at_the_edges_are_permitted() {
        for address in [
            "1.0.0.0",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "168.63.129.15",
            "168.63.129.17",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.0.3.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
            "100:0:0:1::",
            "2001:200::1",
            "2001:4860::8888",
            "2001:db9::",
            "2003::",
            "2606:4700::1111",
            "3fff:1000::",
            "5f01::",
            "fbff::",
        ] {
            assert_eq!(rule_of(address), None, "{address}");
        }
    }

    #[test]
    fn an_allowed_network_opens_its_own_addresses_alone() {
        let rules = rules(&[
            "127.0.0.0/8",
            "fd00::/16",
            "::ffff:10.0.0.0/104",
            "8.8.8.0/24",
        ]);
        let covered = |address: &str| rules.check(address.parse().unwrap()).map(|p| p.covered);
        assert_eq!(covered("127.9.9.9"), Ok(true));
        assert_eq!(covered("::ffff:127.0.0.1"), Ok(true));
        assert_eq!(covered("64:ff9b::7f00:1"), Ok(true));
        assert_eq!(covered("10.255.0.1"), Ok(true));
        assert_eq!(covered("fd00:0::1"), Ok(true));
        assert_eq!(covered("8.8.8.8"), Ok(true));
        assert_eq!(covered("8.8.9.8"), Ok(false));
        assert!(covered("::1").is_err());
        assert!(covered("fd01::1").is_err());
        assert!(covered("192.168.0.1").is_err());
    }

    #[test]
    fn ports_of_the_web_and_from_1024_on_are_open_and_others_by_name() {
        let rules = AddressRules::default().with_ports(vec![25]);
        for port in [443, 1024, 8443, 65_535, 25] {
            assert!(rules.permits_port(port, false), "{port}");
        }
        assert!(rules.permits_port(80, true) && !rules.permits_port(80, false));
        for port in [1, 22, 53, 79, 110, 445, 1023] {
            assert!(!rules.permits_port(port, true), "{port}");
        }
    }

    #[test]
    fn allowing_all_of_ipv6_opens_no_ipv4() {
        let rules = rules(&["::/0"]);
        assert_eq!(
            rules.check("::1".parse().unwrap()),
            Ok(Permitted { covered: true })
        );
        for address in ["127.0.0.1", "::ffff:127.0.0.1", "64:ff9b::7f00:1"] {
            assert!(rules.check(address.parse().unwrap()).is_err(), "{address}");
        }
    }

    proptest! {
        #[test]
        fn no_address_of_a_forbidden_network_is_permitted_in_any_notation(
            v4 in proptest::sample::select(FORBIDDEN_V4),
            v6 in proptest::sample::select(FORBIDDEN_V6),
            host: u128,
        ) {
            let rules = rules(&["8.0.0.0/8", "2606::/16"]);
            let ip = inside_v4(v4.0, host as u32);
            prop_assert_eq!(rules.check(ip.into()).unwrap_err().rule, v4.1);
            for ip in wrapped(ip) {
                prop_assert_eq!(rules.check(ip.into()).unwrap_err().rule, v4.1);
            }
            // Of ::/8 the two wrapping networks are left out: they are judged as IPv4.
            let ip = inside_v6(v6.0, host);
            prop_assume!(!WRAPPING_V4.iter().any(|network| network.contains(&ip)));
            prop_assert!(rules.check(ip.into()).is_err());
        }

        #[test]
        fn a_wrapped_ipv4_address_is_judged_as_the_address(
            bits: u32, allow: u32, prefix in 0u8..=32,
        ) {
            let ip = Ipv4Addr::from(bits);
            let allowed = IpNet::V4(Ipv4Net::new(Ipv4Addr::from(allow), prefix).unwrap());
            for rules in [AddressRules::default(), AddressRules::new(vec![allowed])] {
                let plain = rules.check(ip.into()).map_err(|error| error.rule);
                for ip in wrapped(ip) {
                    prop_assert_eq!(rules.check(ip.into()).map_err(|error| error.rule), plain);
                }
            }
        }

        #[test]
        fn an_allowed_network_covers_each_of_its_addresses(
            network: u128, prefix in 0u8..=128, host: u128,
        ) {
            let network = Ipv6Net::new(Ipv6Addr::from(network), prefix).unwrap();
            let ip = inside_v6(network, host);
            prop_assume!(!WRAPPING_V4.iter().any(|network| network.contains(&ip)) || prefix >= 96);
            let rules = AddressRules::new(vec![network.into()]);
            prop_assert_eq!(rules.check(ip.into()), Ok(Permitted { covered: true }));
        }
    }
}
