//! A static log's data tiles (c2sp.org/static-ct-api): 256 entries in a file, the last one with fewer.

use std::ops::Range;

use super::BATCH;
use super::client::Client;
use super::entry::{Entry, TlsReader};
use super::error::ReadError;

/// The largest tile, in bytes, inflated: 256 entries of 256 KiB each.
const MAX_TILE: usize = 64 * 1024 * 1024;

/// The entries of a range that lies within one tile, of a tree of so many entries.
pub(super) async fn entries(client: &Client, range: Range<u64>, tree_size: u64) -> Result<Vec<Entry>, ReadError> {
    let (tile, first) = (range.start / BATCH, range.start / BATCH * BATCH);
    let width = tree_size.saturating_sub(first).min(BATCH);
    let whole = tile_path(tile);
    let path = if width == BATCH { whole.clone() } else { format!("{whole}.p/{width}") };
    let (path, body) = match client.get(&path, MAX_TILE).await {
        // A log may delete a partial tile once the whole one is there.
        Err(ReadError::Refused { status: 404 | 403 | 410, .. }) if path != whole => {
            let body = client.get(&whole, MAX_TILE).await?;
            (whole, body)
        }
        answer => (path, answer?),
    };
    let mut bytes = TlsReader(&body);
    let mut entries = Vec::new();
    for index in first..range.end {
        let entry = Entry::of_tile(index, &mut bytes);
        let entry = entry.ok_or_else(|| {
            ReadError::bad_answer(&path, format_args!("the tile ends early or is malformed at entry {index}"))
        })?;
        if index >= range.start {
            entries.push(entry);
        }
    }
    Ok(entries)
}

/// `tile/data/x001/x234/067` is tile 1234067.
fn tile_path(tile: u64) -> String {
    let mut path = format!("{:03}", tile % 1000);
    let mut rest = tile / 1000;
    while rest > 0 {
        path = format!("x{:03}/{path}", rest % 1000);
        rest /= 1000;
    }
    format!("tile/data/{path}")
}

#[cfg(test)]
mod tests {
    use super::tile_path;

    #[test]
    fn a_tile_s_path_has_its_number_in_groups_of_three() {
        for (tile, path) in [
            (0, "000"),
            (67, "067"),
            (999, "999"),
            (1000, "x001/000"),
            (1_234_067, "x001/x234/067"),
            (u64::MAX, "x018/x446/x744/x073/x709/x551/615"),
        ] {
            assert_eq!(tile_path(tile), format!("tile/data/{path}"));
        }
    }
}
