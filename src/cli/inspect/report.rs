//! What there is to say about certificates, as values and as words.
//!
//! Owns the JSON members of `sigmint inspect --json`, which stay as they are, and the text for people. Parses nothing.

use std::fmt;

use serde::Serialize;

use super::super::display::visible;
use crate::certificate::alternative_name::AlternativeName;

/// A certificate, and the chain it came with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    pub kind: CertificateKind,
    /// Who it is for: its subject alternative names.
    pub identity: Vec<AlternativeName>,
    /// Its subject; empty in certificates of a Sigstore authority.
    pub subject: String,
    /// Who issued the token that it was issued for.
    pub token_issuer: Option<String>,
    /// What else the token said.
    pub extensions: Vec<TokenExtension>,
    pub validity: Validity,
    /// Hexadecimal.
    pub serial_number: String,
    pub key: String,
    /// Who signed it, as a distinguished name.
    pub issuer: String,
    pub signature_algorithm: String,
    pub key_usage: Vec<String>,
    pub extended_key_usage: Vec<String>,
    /// Hexadecimal.
    pub subject_key_identifier: Option<String>,
    /// Hexadecimal.
    pub authority_key_identifier: Option<String>,
    /// The timestamps of certificate transparency logs (RFC 6962); absent when there is no list.
    pub timestamps: Option<TimestampList>,
    /// Extensions that are not told about above.
    pub other_extensions: Vec<OtherExtension>,
    /// Every certificate that was given, this one first.
    pub chain: Vec<ChainEntry>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum CertificateKind {
    /// An end entity's.
    Certificate,
    /// One with the poison extension, made for a log only (RFC 6962 section 3.1).
    Precertificate,
    Authority,
}

/// An extension of the arc 1.3.6.1.4.1.57264.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct TokenExtension {
    pub oid: String,
    /// Its name in an issuer file; absent when the extension is unknown.
    pub name: Option<&'static str>,
    /// Its name for people; the object identifier when it is unknown.
    pub title: String,
    /// The text, or hexadecimal when it is none.
    pub value: String,
    /// How `value` is to be read.
    pub form: ValueForm,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum ValueForm {
    Text,
    /// The extension is not text: its bytes in hexadecimal.
    Hex,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Validity {
    /// RFC 3339, UTC.
    pub not_before: String,
    /// RFC 3339, UTC.
    pub not_after: String,
    /// From beginning to end, in seconds.
    pub lifetime_seconds: i64,
    pub state: ValidityState,
    /// The lifetime in words.
    #[serde(skip)]
    pub lifetime: String,
    /// Where now is, in words: `valid for 7 more minutes`.
    pub summary: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum ValidityState {
    NotYetValid,
    Valid,
    Expired,
}

/// The signed certificate timestamps within a certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TimestampList {
    /// Those that could be read.
    pub entries: Vec<Timestamp>,
    /// Whether all of the list could be read.
    pub well_formed: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Timestamp {
    /// The log, hexadecimal.
    pub log_id: String,
    /// RFC 3339, UTC; absent when out of range.
    pub time: Option<String>,
    /// Whether the log made it, for this certificate.
    pub signature: TimestampSignature,
}

/// Whether a timestamp is its log's promise for the certificate. Only with the log's key can one tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "state")]
pub(crate) enum TimestampSignature {
    /// No key of this log was given.
    NotChecked,
    /// The log's key made it.
    Right,
    /// It did not, or one cannot tell.
    Wrong { problem: String },
}

/// An extension without words of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct OtherExtension {
    pub oid: String,
    /// Whether a verifier that does not know it must refuse the certificate.
    pub critical: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ChainEntry {
    /// Its subject, or the first name of one without a subject.
    pub subject: String,
    /// Whether it may issue certificates.
    pub is_authority: bool,
    pub validity: Validity,
    pub signed_by: SignedBy,
}

/// Whether a certificate is signed by the next one, or the last by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "by")]
pub(crate) enum SignedBy {
    /// The next certificate's key made the signature.
    Next,
    /// Its own key made the signature: a root.
    Itself,
    /// Not the key that it should be.
    Mismatch { problem: String },
    /// The issuer's certificate is not here.
    Absent {
        /// Its distinguished name.
        issuer: String,
    },
}

impl AlternativeName {
    const fn kind_in_words(&self) -> &str {
        match self.kind.as_bytes() {
            b"email" => "e-mail address",
            b"uri" => "URI",
            b"username" => "user name",
            b"dns" => "DNS name",
            b"ip" => "IP address",
            _ => self.kind,
        }
    }
}

/// Width of the column of labels.
const LABEL: usize = 20;

impl fmt::Display for Report {
    /// Ends without a line break.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{} for {}", self.kind_in_words(), self.whom())?;
        for name in &self.identity {
            line(out, "Identity", &format!("{} ({})", name.value, name.kind_in_words()))?;
        }
        if !self.subject.is_empty() {
            line(out, "Subject", &self.subject)?;
        }
        if let Some(issuer) = &self.token_issuer {
            line(out, "Token issued by", issuer)?;
        }
        let validity = &self.validity;
        line(
            out,
            "Valid",
            &format!("{} to {} ({})", people(&validity.not_before), people(&validity.not_after), validity.lifetime),
        )?;
        line(out, "", &validity.summary)?;
        line(out, "Serial number", &self.serial_number)?;
        line(out, "Key", &self.key)?;
        line(out, "Signed by", &format!("{} ({})", self.issuer, self.signature_algorithm))?;
        let usage: Vec<&str> = self.key_usage.iter().chain(&self.extended_key_usage).map(String::as_str).collect();
        line(out, "For", if usage.is_empty() { "any use".to_owned() } else { usage.join(", ") }.as_str())?;
        line(out, "Key identifier", self.subject_key_identifier.as_deref().unwrap_or("none"))?;
        line(out, "Issuer's identifier", self.authority_key_identifier.as_deref().unwrap_or("none"))?;
        self.transparency(out)?;
        for extension in &self.other_extensions {
            line(
                out,
                "Other extension",
                &format!("{}{}", extension.oid, if extension.critical { " (critical)" } else { "" }),
            )?;
        }
        self.token(out)?;
        self.chain(out)
    }
}

impl Report {
    const fn kind_in_words(&self) -> &'static str {
        match self.kind {
            CertificateKind::Certificate => "Certificate",
            CertificateKind::Precertificate => {
                "Precertificate (poisoned: for transparency logs only, nobody may accept it)"
            }
            CertificateKind::Authority => "Certificate authority's certificate",
        }
    }

    /// The first name, else the subject.
    fn whom(&self) -> String {
        match (self.identity.first(), self.subject.as_str()) {
            (Some(name), _) => visible(&name.value),
            (None, "") => "nobody: it has no name".to_owned(),
            (None, subject) => visible(subject),
        }
    }

    fn transparency(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LABEL: &str = "Transparency log";
        let Some(list) = &self.timestamps else { return line(out, LABEL, "no signed timestamp inside") };
        if !list.well_formed {
            line(out, LABEL, "the list of signed timestamps is malformed")?;
        } else if list.entries.is_empty() {
            line(out, LABEL, "an empty list of signed timestamps")?;
        }
        for entry in &list.entries {
            let time = entry.time.as_deref().map_or_else(|| "an impossible time".to_owned(), people);
            line(out, LABEL, &format!("log {} at {time}{}", entry.log_id, entry.signature.in_words()))?;
        }
        Ok(())
    }

    fn token(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.extensions.is_empty() {
            return Ok(());
        }
        writeln!(out, "\nWhat the issuer says")?;
        let width = self.extensions.iter().map(|extension| extension.title.chars().count()).max().unwrap_or(0);
        for extension in &self.extensions {
            let note = if extension.form == ValueForm::Hex { " (no text: hexadecimal)" } else { "" };
            writeln!(out, "  {:width$}  {}{note}", visible(&extension.title), visible(&extension.value))?;
        }
        Ok(())
    }

    fn chain(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "\nChain")?;
        for (index, entry) in self.chain.iter().enumerate() {
            let number = index + 1;
            let role = if entry.is_authority { "CA" } else { "not a CA" };
            write!(out, "\n  {number}. {} ({role})", visible(&entry.subject))?;
            let validity = &entry.validity;
            write!(
                out,
                "\n     {} to {}, {}",
                people(&validity.not_before),
                people(&validity.not_after),
                validity.summary
            )?;
            write!(out, "\n     {}", visible(&entry.signed_by.in_words(number + 1)))?;
        }
        Ok(())
    }
}

impl TimestampSignature {
    fn in_words(&self) -> String {
        match self {
            Self::NotChecked => String::new(),
            Self::Right => ": the signature is right".to_owned(),
            Self::Wrong { problem } => format!(": WRONG: {problem}"),
        }
    }
}

impl SignedBy {
    fn in_words(&self, next: usize) -> String {
        match self {
            Self::Next => format!("signed by certificate {next}: the signature is right"),
            Self::Itself => "signed by itself: the signature is right".to_owned(),
            Self::Mismatch { problem } => format!("NOT SIGNED as it should be: {problem}"),
            Self::Absent { issuer } => format!("signed by {issuer}, whose certificate is not here: not checked"),
        }
    }
}

/// RFC 3339 as people write it.
fn people(time: &str) -> String {
    time.replace('T', " ").replace('Z', " UTC")
}

fn line(out: &mut fmt::Formatter<'_>, label: &str, value: &str) -> fmt::Result {
    writeln!(out, "  {label:LABEL$} {}", visible(value))
}
