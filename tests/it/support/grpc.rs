//! A gRPC client, and what it reads out of refusals.

use std::collections::HashMap;

use prost::Message;
use sigmint::api::messages::proto;
use tonic::client::Grpc;
use tonic::metadata::MetadataMap;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

/// A client of one server.
#[derive(Clone)]
pub struct GrpcClient {
    pub channel: Channel,
}

impl GrpcClient {
    /// A client of the server at `http://HOST:PORT`; it connects when it first calls.
    pub fn new(url: &str) -> Self {
        Self { channel: Endpoint::from_shared(url.to_owned()).unwrap().connect_lazy() }
    }

    /// Calls a method of `CA` with any message.
    pub async fn call<Q, A>(&self, method: &str, request: Request<Q>) -> Result<tonic::Response<A>, Status>
    where
        Q: Message + Send + Sync + 'static,
        A: Message + Default + Send + Sync + 'static,
    {
        let mut client = Grpc::new(self.channel.clone());
        client.ready().await.unwrap();
        let path = format!("/dev.sigstore.fulcio.v2.CA/{method}").parse().unwrap();
        client.unary(request, path, tonic_prost::ProstCodec::default()).await
    }

    /// Asks for a certificate.
    pub async fn ask(
        &self,
        request: proto::CreateSigningCertificateRequest,
    ) -> Result<proto::SigningCertificate, Status> {
        self.call("CreateSigningCertificate", Request::new(request)).await.map(tonic::Response::into_inner)
    }

    /// Asks for a certificate with metadata.
    pub async fn ask_with(
        &self,
        request: proto::CreateSigningCertificateRequest,
        metadata: MetadataMap,
    ) -> Result<tonic::Response<proto::SigningCertificate>, Status> {
        let request = Request::from_parts(metadata, tonic::Extensions::default(), request);
        self.call("CreateSigningCertificate", request).await
    }
}

/// The message that asks for a certificate for a key.
pub fn key_message(token: &str, public_key: &str, proof: &[u8]) -> proto::CreateSigningCertificateRequest {
    use proto::create_signing_certificate_request::Key;
    message(
        token,
        Key::PublicKeyRequest(proto::PublicKeyRequest {
            public_key: Some(proto::PublicKey { algorithm: 0, content: public_key.to_owned() }),
            proof_of_possession: proof.to_vec(),
        }),
    )
}

/// The message that asks for a certificate for a signing request.
pub fn request_message(token: &str, signing_request: &str) -> proto::CreateSigningCertificateRequest {
    use proto::create_signing_certificate_request::Key;
    message(token, Key::CertificateSigningRequest(signing_request.as_bytes().to_vec()))
}

fn message(token: &str, key: proto::create_signing_certificate_request::Key) -> proto::CreateSigningCertificateRequest {
    let token = proto::credentials::Credentials::OidcIdentityToken(token.to_owned());
    proto::CreateSigningCertificateRequest {
        credentials: Some(proto::Credentials { credentials: Some(token) }),
        key: Some(key),
    }
}

/// The certificates of an answer without a log, the leaf first.
pub fn certificates(answer: &proto::SigningCertificate) -> Vec<Vec<u8>> {
    use proto::signing_certificate::Certificate;
    let chain = match answer.certificate.as_ref().unwrap() {
        Certificate::SignedCertificateDetachedSct(detached) => {
            assert!(detached.signed_certificate_timestamp.is_empty());
            detached.chain.as_ref()
        }
        Certificate::SignedCertificateEmbeddedSct(embedded) => embedded.chain.as_ref(),
    };
    chain.unwrap().certificates.iter().map(|text| pem::parse(text).unwrap().into_contents()).collect()
}

/// `google.rpc.Status`, read by its field numbers.
#[derive(Clone, PartialEq, prost::Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Any {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

/// `google.rpc.ErrorInfo`
#[derive(Clone, PartialEq, prost::Message)]
pub struct ErrorInfo {
    #[prost(string, tag = "1")]
    pub reason: String,
    #[prost(string, tag = "2")]
    pub domain: String,
    #[prost(map = "string, string", tag = "3")]
    pub metadata: HashMap<String, String>,
}

/// The one detail of a refusal.
pub fn error_info(status: &Status) -> ErrorInfo {
    let details = RpcStatus::decode(status.details()).unwrap();
    assert_eq!((details.code, details.message.as_str()), (i32::from(status.code()), status.message()));
    let [any] = details.details.as_slice() else { panic!("not one detail: {status:?}") };
    assert_eq!(any.type_url, "type.googleapis.com/google.rpc.ErrorInfo");
    ErrorInfo::decode(any.value.as_slice()).unwrap()
}
