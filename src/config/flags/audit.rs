//! The settings of the audit log.

use super::{Flag, flag};

pub(super) const FLAGS: &[Flag] = &[
    flag(
        "audit-path",
        "PLACE",
        "",
        "Where each decision on a verified identity is recorded before anything is signed: a file, - (standard output), syslog: or syslog:SOCKET; none: nowhere",
    ),
    flag(
        "audit-sync",
        "KIND",
        "interval",
        "When records are flushed to the disk: request (before signing), interval (once a second) or none (when the system does)",
    ),
    flag(
        "audit-failure",
        "KIND",
        "closed",
        "When a record cannot be written: closed (nothing is signed, 503) or open (it is signed all the same)",
    ),
    flag(
        "audit-max-size",
        "BYTES",
        "0",
        "The size at which the file is moved away (a time is added to its name) and a new one begun, like 512M; 0: never",
    ),
    flag(
        "audit-claims",
        "KIND",
        "policy",
        "Which verified claims are recorded: policy (those that the loaded policy names), all or none",
    ),
    flag(
        "audit-redact",
        "KIND",
        "",
        "email: e-mail addresses are replaced by a hash with --audit-redact-key; none: nothing is",
    ),
    flag("audit-redact-key", "FILE", "", "A file with the key of these hashes, 32 bytes at least"),
    flag(
        "audit-key",
        "KEY",
        "",
        "The key that signs the log's head each minute, not a CA's: a PEM file, {KEYS}; none: heads are not signed",
    ),
    flag("audit-key-passwd-file", "FILE", "", "A file with the password of an encrypted --audit-key"),
    flag(
        "audit-anchor",
        "LIST",
        "",
        "Where signed heads go besides, comma-separated: files, or http or https URLs that they are posted to",
    ),
    flag(
        "audit-unverified-path",
        "FILE",
        "",
        "Where requests whose token did not verify are written one by one; none: they are only counted, each minute",
    ),
    flag("audit-unverified-max-size", "BYTES", "16M", "The most that such records take on the disk"),
    flag("audit-unverified-rate", "NUMBER", "600", "How many of them are written a minute"),
];
