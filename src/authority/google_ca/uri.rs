//! Owns the names of pools and their authorities in CA Service.

use crate::signer::google::is_name_part;
use crate::signer::remote::{OpenError, RemoteError};

/// A pool, and perhaps one authority in it. Every part is one that Google could have given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parent {
    pool: String,
    authority: Option<String>,
}

impl Parent {
    /// Reads `projects/P/locations/L/caPools/POOL[/certificateAuthorities/CA]`.
    pub(super) fn parse(name: &str) -> Result<Self, OpenError> {
        Self::of_path(name).ok_or_else(|| OpenError {
            key: name.to_owned(),
            problem: RemoteError::Refused("not the name of a pool of certificate authorities".into()),
            hint: "write projects/PROJECT/locations/LOCATION/caPools/POOL[/certificateAuthorities/CA]".to_owned(),
        })
    }

    fn of_path(path: &str) -> Option<Self> {
        let parts: Vec<&str> = path.split('/').collect();
        let (["projects", project, "locations", location, "caPools", pool], rest) = parts.split_first_chunk::<6>()?
        else {
            return None;
        };
        let authority = match rest {
            [] => None,
            ["certificateAuthorities", authority] => Some(*authority),
            _ => return None,
        };
        let all = [Some(*project), Some(*location), Some(*pool), authority];
        let pool = format!("projects/{project}/locations/{location}/caPools/{pool}");
        let sound = all.into_iter().flatten().all(is_name_part);
        sound.then(|| Self { pool, authority: authority.map(str::to_owned) })
    }

    /// The path of the pool.
    pub(super) fn pool(&self) -> &str {
        &self.pool
    }

    /// The authority that is to issue all, if one is named.
    pub(super) fn authority(&self) -> Option<&str> {
        self.authority.as_deref()
    }

    /// The pool as gcloud is told of it.
    pub(super) fn flags(&self) -> String {
        match self.pool.split('/').collect::<Vec<_>>().as_slice() {
            [_, project, _, location, _, pool] => format!("{pool} --location {location} --project {project}"),
            _ => self.pool.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Parent;

    #[test]
    fn a_pool_or_one_authority_of_it() {
        let pool = "projects/p/locations/europe-west1/caPools/pool";
        let parent = Parent::parse(pool).unwrap();
        assert_eq!((parent.pool(), parent.authority()), (pool, None));
        assert_eq!(parent.flags(), "pool --location europe-west1 --project p");
        let parent = Parent::parse(&format!("{pool}/certificateAuthorities/one")).unwrap();
        assert_eq!((parent.pool(), parent.authority()), (pool, Some("one")));
    }

    #[test]
    fn what_is_no_pool_is_refused_with_the_form() {
        for name in [
            "",
            "pool",
            "projects/p/locations/l/caPools/",
            "projects/p/locations/l/caPools/../x",
            "projects/p/locations/l/caPools/a/certificateAuthorities",
            "projects/p/locations/l/caPools/a/b/c",
        ] {
            assert!(Parent::parse(name).unwrap_err().hint.starts_with("write projects/"), "{name}");
        }
    }
}
