//! The documents as a server hands them out: made once, with the tag by which a client sees that nothing has changed.

use super::Deployment;

macro_rules! documents {
    ($($variant:ident = $path:literal, $content_type:literal, $make:expr;)*) => {
        /// A document that has a path of its own.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Document { $($variant,)* }

        impl Document {
            pub const ALL: [Self; [$($path),*].len()] = [$(Self::$variant),*];

            /// Where it is served.
            pub const fn path(self) -> &'static str {
                match self { $(Self::$variant => $path,)* }
            }

            pub const fn content_type(self) -> &'static str {
                match self { $(Self::$variant => $content_type,)* }
            }

            fn of(self, deployment: &Deployment) -> String {
                match self { $(Self::$variant => $make(deployment),)* }
            }
        }
    };
}

documents! {
    TrustedRoot = "/trust/trusted_root.json", "application/json", |of: &Deployment| of.trusted_root().to_string();
    SigningConfig = "/trust/signing_config.json", "application/json", |of: &Deployment| of.signing_config().to_string();
    ClientTrustConfig = "/trust/client_trust_config.json", "application/json", |of: &Deployment| of.client_trust_config().to_string();
    Roots = "/trust/roots.pem", "application/x-pem-file", Deployment::roots_pem;
    Chains = "/trust/chains.pem", "application/x-pem-file", Deployment::chains_pem;
}

/// All documents of one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServedDocuments(Vec<(Document, ServedDocument)>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServedDocument {
    pub body: String,
    /// A strong entity tag, quotes included (RFC 9110, section 8.8.3).
    pub etag: String,
}

impl ServedDocuments {
    pub fn of(deployment: &Deployment) -> Self {
        let served = |document: Document| {
            let body = document.of(deployment);
            let etag = format!("\"{}\"", hex::encode(crate::crypto::sha256(body.as_bytes())));
            (document, ServedDocument { body, etag })
        };
        Self(Document::ALL.into_iter().map(served).collect())
    }

    pub fn get(&self, document: Document) -> Option<&ServedDocument> {
        self.0.iter().find(|(of, _)| *of == document).map(|(_, served)| served)
    }
}

impl ServedDocument {
    /// Whether a client with these tags (`If-None-Match`, RFC 9110 section 13.1.2) has this already.
    pub fn is_known(&self, tags: &str) -> bool {
        let is_this = |tag: &str| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == self.etag;
        tags.split(',').map(str::trim).any(is_this)
    }
}
