//! `sigmint createca`: the incumbent's way to make a root in a PKCS#11 token.
//!
//! Owns its flags. A token that has no key of the usual label gets one, where the incumbent gives up.
