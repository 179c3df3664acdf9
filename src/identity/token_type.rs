//! What a token says that it is: the `typ` member of its header (RFC 7515 section 4.1.9, RFC 8725 section 3.11).
//!
//! Owns which registered types are for another use. Knows no claims and no issuer.

/// Types of signed tokens that are registered for another use than to say who somebody is.
const FOR_ANOTHER_USE: [&str; 6] = [
    // OpenID Connect Back-Channel Logout 1.0
    "logout+jwt",
    // RFC 8417
    "secevent+jwt",
    // RFC 9449
    "dpop+jwt",
    // RFC 9701
    "token-introspection+jwt",
    // RFC 9101
    "oauth-authz-req+jwt",
    // OpenID Federation 1.0
    "entity-statement+jwt",
];

/// The `typ` of a token: lower case, without `application/` and parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenType {
    /// `JWT`, or nothing said.
    Jwt,
    /// `at+jwt` (RFC 9068): an access token.
    AccessToken,
    /// A type that is registered for another use.
    ForAnotherUse(&'static str),
    Unknown(Box<str>),
}

impl TokenType {
    /// Reads the header's member as media types are compared: without regard to case, with or without `application/`.
    pub fn parse(typ: &str) -> Self {
        if typ == "JWT" {
            return Self::Jwt;
        }
        let name = plain_name(typ);
        match name.as_str() {
            "jwt" => Self::Jwt,
            "at+jwt" => Self::AccessToken,
            _ => match FOR_ANOTHER_USE.into_iter().find(|known| *known == name) {
                Some(known) => Self::ForAnotherUse(known),
                None => Self::Unknown(name.into()),
            },
        }
    }

    /// The type's name, as [`plain_name`] writes it.
    pub fn name(&self) -> &str {
        match self {
            Self::Jwt => "jwt",
            Self::AccessToken => "at+jwt",
            Self::ForAnotherUse(name) => name,
            Self::Unknown(name) => name,
        }
    }
}

/// A media type in lower case, without `application/` and without parameters.
pub(crate) fn plain_name(typ: &str) -> String {
    let name = typ.split(';').next().unwrap_or_default().trim_ascii().to_ascii_lowercase();
    name.strip_prefix("application/").map_or_else(|| name.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_known_by_any_spelling() {
        for known in FOR_ANOTHER_USE {
            for spelled in [
                known.to_owned(),
                known.to_uppercase(),
                format!("application/{known}"),
                format!("APPLICATION/{}", known.to_uppercase()),
                format!(" {known} "),
                format!("application/{known}; charset=utf-8"),
            ] {
                assert_eq!(TokenType::parse(&spelled), TokenType::ForAnotherUse(known), "{spelled}");
            }
        }
        for jwt in ["JWT", "jwt", "application/jwt", "Application/JWT"] {
            assert_eq!(TokenType::parse(jwt), TokenType::Jwt, "{jwt}");
        }
        assert_eq!(TokenType::parse("application/AT+JWT"), TokenType::AccessToken);
        for unknown in ["", "x", "logout", "logout+jwt2", "xlogout+jwt", "text/logout+jwt", "application/x"] {
            assert!(matches!(TokenType::parse(unknown), TokenType::Unknown(_)), "{unknown}");
        }
        assert_eq!(TokenType::parse("Application/Foo+JWT").name(), "foo+jwt");
    }
}
