use super::*;

fn ack(options: &[(OptionCode, &[u8])]) -> Message {
    let mut message = Message::request(1, &[2, 0, 0, 0, 0, 1]);
    message.yiaddr = Ipv4Addr::new(10, 0, 2, 15);
    for (code, value) in options {
        message.options.set(*code, value);
    }
    message
}

#[test]
fn an_ordinary_ack() {
    let lease = Lease::read(&ack(&[
        (OptionCode::SubnetMask, &[255, 255, 255, 0]),
        (OptionCode::Router, &[10, 0, 2, 2]),
        (OptionCode::DomainNameServer, &[10, 0, 2, 3]),
        (OptionCode::AddressLeaseTime, &86400_u32.to_be_bytes()),
        (OptionCode::ServerIdentifier, &[10, 0, 2, 2]),
        (OptionCode::DomainName, b"example.org"),
    ]))
    .unwrap();
    let text = lease.record().text();
    assert_eq!(
        text,
        "ip4=10.0.2.15\nprefix=24\nmask=255.255.255.0\nbroadcast=10.0.2.255\ngateway=10.0.2.2\n\
         dns=10.0.2.3\ndomain=example.org\nsearch=example.org\nserver=10.0.2.2\nlease=86400\nt1=43200\n\
         t2=75600\nroutes=0.0.0.0/0:10.0.2.2\n"
    );
    assert!(lease.on_link(Ipv4Addr::new(10, 0, 2, 2)));
    assert!(!lease.on_link(Ipv4Addr::new(10, 0, 3, 2)));
}

#[test]
fn masks() {
    for (mask, prefix, broadcast) in [
        ([255, 255, 255, 255], 32, None),
        ([255, 255, 255, 254], 31, None),
        ([255, 255, 255, 252], 30, Some([10, 0, 2, 15])),
        ([128, 0, 0, 0], 1, Some([127, 255, 255, 255])),
        // Not masks: the class's.
        ([255, 0, 255, 0], 8, Some([10, 255, 255, 255])),
        ([0, 0, 0, 0], 8, Some([10, 255, 255, 255])),
    ] {
        let lease = Lease::read(&ack(&[(OptionCode::SubnetMask, &mask)])).unwrap();
        assert_eq!(lease.prefix, prefix, "{mask:?}");
        assert_eq!(lease.broadcast, broadcast.map(Ipv4Addr::from), "{mask:?}");
    }
}

#[test]
fn addresses_that_no_host_can_have() {
    for address in [
        [0, 0, 0, 0],
        [127, 0, 0, 1],
        [224, 0, 0, 1],
        [255, 255, 255, 255],
    ] {
        let mut message = ack(&[]);
        message.yiaddr = address.into();
        assert_eq!(Lease::read(&message), None, "{address:?}");
    }
}

#[test]
fn times_are_in_order_whatever_the_server_says() {
    let values = [
        None,
        Some(0),
        Some(1),
        Some(2),
        Some(9),
        Some(10),
        Some(11),
        Some(3599),
        Some(3600),
        Some(86400),
        Some(u32::MAX - 1),
        Some(u32::MAX),
    ];
    for lease in values {
        for renew in values {
            for rebind in values {
                match Times::new(lease, renew, rebind) {
                    Times::Infinite => assert_eq!(lease, Some(u32::MAX)),
                    Times::Limited {
                        renew,
                        rebind,
                        expire,
                    } => {
                        assert!(0 < renew && renew < rebind && rebind < expire);
                    }
                }
            }
        }
    }
    let expected = Times::Limited {
        renew: 3,
        rebind: 105,
        expire: 120,
    };
    assert_eq!(Times::new(Some(120), Some(3), None), expected);
}
