//! The settings that bound what callers may ask, and where tokens' uses are counted.
//!
//! Owns the meaning of these flags and the message for each mistake. Opens no connection.

use std::num::NonZeroUsize;
use std::time::Duration;

use super::document::ConfigError;
use super::flags::Values;
use super::settings::{duration, parsed};
use crate::limits::address::{TrustedProxies, read_networks};
use crate::limits::connections::ConnectionLimits;
use crate::limits::rate::Rate;
use crate::limits::single_use::{RedisOptions, WhenUnknown};
use crate::limits::{LimitsOptions, MessageBytes};

/// Longer than a client waits for its certificate makes no sense.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoundsSettings {
    /// How many connections there may be.
    pub connections: ConnectionLimits,
    /// How many requests, and of whom.
    pub requests: LimitsOptions,
}

/// Where tokens' uses are counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SingleUseSettings {
    /// The store; in memory if there is none.
    pub store: Option<RedisOptions>,
    /// What happens when they cannot be counted.
    pub when_unknown: WhenUnknown,
}

pub(super) fn read(values: &Values) -> Result<BoundsSettings, ConfigError> {
    let number = "a number from 1";
    let networks = read_networks(&values.list("trusted-proxies")).map_err(|message| {
        values.fault("trusted-proxies", message, "write addresses and networks like 10.0.0.0/8, with commas")
    })?;
    let header = parsed(values, "client-address-header", "use x-forwarded-for or forwarded")?;
    let per_address: usize = parsed(values, "max-connections-per-address", "a number; 0 for no limit")?;
    Ok(BoundsSettings {
        connections: ConnectionLimits {
            total: parsed(values, "max-connections", number)?,
            begun: parsed(values, "max-http-connections", number)?,
            per_address: NonZeroUsize::new(per_address),
        },
        requests: LimitsOptions {
            in_flight: parsed(values, "max-requests-in-flight", number)?,
            per_address: rate(values, "rate-limit-per-address")?,
            per_identity: rate(values, "rate-limit-per-identity")?,
            proxies: TrustedProxies::new(networks, header),
            message_bytes: message_bytes(values)?,
        },
    })
}

fn message_bytes(values: &Values) -> Result<MessageBytes, ConfigError> {
    let hint = "a number of bytes from 1 to 4194304; 262144 are 256 KiB";
    let bytes = parsed(values, "max-message-bytes", hint)?;
    MessageBytes::new(bytes).ok_or_else(|| values.fault("max-message-bytes", "not from 1 byte to 4 MiB", hint))
}

fn rate(values: &Values, name: &str) -> Result<Option<Rate>, ConfigError> {
    let set = values.is_set(name);
    set.then(|| parsed(values, name, "write 600/m for 600 a minute, all at once or spread")).transpose()
}

pub(super) fn read_single_use(values: &Values) -> Result<SingleUseSettings, ConfigError> {
    let (password_file, ca_certificate) =
        (values.path("single-use-store-password-file"), values.path("single-use-store-ca-cert"));
    let timeout = duration(values, "single-use-timeout")?;
    if timeout.is_zero() || timeout > LONGEST_WAIT {
        return Err(values.fault("single-use-timeout", "not from 1ms to 30s", "use 1s"));
    }
    let when_unknown = match values.text("single-use-failure") {
        "closed" => WhenUnknown::Refuse,
        "open" => WhenUnknown::Pass,
        _ => return Err(values.fault("single-use-failure", "neither closed nor open", "use closed or open")),
    };
    if !values.is_set("single-use-store") {
        let stray = ["single-use-store-password-file", "single-use-store-ca-cert"];
        return match stray.into_iter().find(|name| values.is_set(name)) {
            Some(name) => Err(values.fault(name, "there is no store", "set --single-use-store as well")),
            None => Ok(SingleUseSettings { store: None, when_unknown }),
        };
    }
    let url = values.text("single-use-store").to_owned();
    Ok(SingleUseSettings { store: Some(RedisOptions { url, password_file, ca_certificate, timeout }), when_unknown })
}

#[cfg(test)]
mod tests;
