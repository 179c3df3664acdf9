//! The settings of who may have a certificate: the policy and the lists of who is blocked.

use super::{Flag, flag};

pub(super) const FLAGS: &[Flag] = &[
    flag(
        "policy-path",
        "PATH",
        "",
        "The issuance policy: a YAML file, or a folder of them; loaded again when replaced; none: everybody for whom an issuer vouches",
    ),
    flag("block-path", "FILE", "", "Who gets no certificate (`sigmint block`); a change counts within a second"),
    flag(
        "blocked-public-keys",
        "FILE",
        "",
        "Client keys that are refused: SHA-256 of the DER public key in hexadecimal, one a line, # comments; loaded again when replaced",
    ),
];
