use super::*;
use std::io::Write as _;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn what_is_inflated_is_within_the_limit_and_reserved_first() {
    let mut reserved = 0;
    let message = inflate(&gzip(&[7; 10_000]), 10_000, &mut |bytes| {
        reserved += bytes;
        Ok(())
    });
    let message = message.unwrap();
    assert_eq!((&message[..PREFIX], message.len(), reserved), (&[0, 0, 0, 0x27, 0x10][..], PREFIX + 10_000, 10_000));
    assert_eq!(inflate(&gzip(&[7; 10_001]), 10_000, &mut |_| Ok(())).unwrap_err().code(), tonic::Code::OutOfRange);
    let bomb = gzip(&vec![0; 100_000_000]);
    assert!(bomb.len() < 100_000);
    let mut reserved = 0;
    let refused = inflate(&bomb, 256 * 1024, &mut |bytes| {
        reserved += bytes;
        Ok(())
    });
    assert_eq!(refused.unwrap_err().code(), tonic::Code::OutOfRange);
    assert!(reserved <= 256 * 1024, "{reserved}");
    let exhausted = inflate(&gzip(b"x"), 10, &mut |_| Err(Status::resource_exhausted("")));
    assert_eq!(exhausted.unwrap_err().code(), tonic::Code::ResourceExhausted);
    for broken in [&b""[..], b"not gzip", &gzip(b"cut off")[..12]] {
        assert_eq!(inflate(broken, 10, &mut |_| Ok(())).unwrap_err().code(), tonic::Code::Internal);
    }
}

#[test]
fn gzip_and_identity_are_known_and_forgotten() {
    let headers = |value: &'static str| {
        HeaderMap::from_iter([(
            tonic::codegen::http::HeaderName::from_static(ENCODING),
            HeaderValue::from_static(value),
        )])
    };
    for (value, encoding) in [("identity", Encoding::Identity), (GZIP, Encoding::Gzip)] {
        let mut headers = headers(value);
        assert_eq!(take_encoding(&mut headers).unwrap(), encoding);
        assert!(headers.is_empty());
    }
    let refused = take_encoding(&mut headers("deflate")).unwrap_err();
    assert_eq!(refused.code(), tonic::Code::Unimplemented);
    assert_eq!(refused.metadata().get("grpc-accept-encoding").unwrap(), GZIP);
}
