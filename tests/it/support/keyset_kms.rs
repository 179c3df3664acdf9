//! A key management service over HTTP that decrypts what its AES-256-GCM key encrypted: AWS KMS's `Decrypt` (JSON 1.1) and
//! Google Cloud KMS's `:decrypt` (REST), told apart by the request. Who calls is not its business.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// The key of the fixtures.
pub const AWS_KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
/// The same key in the other cloud.
pub const GCP_KEY: &str = "projects/p/locations/europe-west3/keyRings/r/cryptoKeys/k";

/// Starts the service: its URL. Lives as long as the process.
pub fn start() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            // A client that goes away in the middle is its own business.
            std::thread::spawn(move || serve(&connection));
        }
    });
    url
}

fn serve(connection: &TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(connection);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let headers: HashMap<String, &str> = lines
        .iter()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value))
        .collect();
    let mut body = vec![0; headers.get("content-length").map_or(0, |length| length.parse().unwrap())];
    reader.read_exact(&mut body)?;
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let (status, answer) = match headers.get("x-amz-target") {
        Some(target) => aws(target, &body),
        None => gcp(lines[0].split(' ').nth(1).unwrap(), &body),
    };
    let answer = answer.to_string();
    let length = answer.len();
    let head = format!("HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n");
    (&*connection).write_all(format!("{head}Connection: close\r\n\r\n{answer}").as_bytes())
}

fn aws(target: &str, body: &Value) -> (u16, Value) {
    let ciphertext = body["CiphertextBlob"].as_str().and_then(|text| STANDARD.decode(text).ok());
    let context = body["EncryptionContext"].as_object().is_some_and(|context| !context.is_empty());
    match (target, body["KeyId"].as_str(), ciphertext.and_then(|bytes| decrypt(&bytes))) {
        ("TrentService.Decrypt", Some(AWS_KEY), Some(plaintext)) if !context => {
            let plaintext = STANDARD.encode(plaintext);
            (200, json!({"KeyId": AWS_KEY, "Plaintext": plaintext, "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"}))
        }
        ("TrentService.Decrypt", Some(AWS_KEY), _) => (400, json!({"__type": "InvalidCiphertextException"})),
        _ => (400, json!({"__type": "NotFoundException", "message": "Invalid keyId"})),
    }
}

fn gcp(path: &str, body: &Value) -> (u16, Value) {
    let error = |code: u16, status: &str| (code, json!({"error": {"code": code, "message": "no", "status": status}}));
    if path != format!("/v1/{GCP_KEY}:decrypt") {
        return error(404, "NOT_FOUND");
    }
    let ciphertext = body["ciphertext"].as_str().and_then(|text| STANDARD.decode(text).ok());
    match ciphertext.and_then(|bytes| decrypt(&bytes)) {
        Some(plaintext) => {
            let checksum = crc32c(&plaintext).to_string();
            (200, json!({"plaintext": STANDARD.encode(plaintext), "plaintextCrc32c": checksum}))
        }
        None => error(400, "INVALID_ARGUMENT"),
    }
}

/// Opens what the fixtures were sealed with: a nonce, the text and its tag, without associated data.
fn decrypt(ciphertext: &[u8]) -> Option<Vec<u8>> {
    let (nonce, rest) = ciphertext.split_at_checked(NONCE_LEN)?;
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &[7; 32]).unwrap());
    let mut rest = rest.to_vec();
    let nonce = Nonce::try_assume_unique_for_key(nonce).unwrap();
    Some(key.open_in_place(nonce, Aad::empty(), &mut rest).ok()?.to_vec())
}

fn crc32c(bytes: &[u8]) -> u32 {
    let mut register = u32::MAX;
    for byte in bytes {
        register ^= u32::from(*byte);
        for _ in 0..8 {
            register = (register >> 1) ^ if register & 1 == 1 { 0x82f6_3b78 } else { 0 };
        }
    }
    !register
}
