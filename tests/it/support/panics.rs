//! Panics of the server, which its libraries may catch: nobody else would see them.

use std::sync::{LazyLock, Mutex, PoisonError};

use super::scene::Scene;

/// Every panic but those of the tests' own assertions.
static PANICS: LazyLock<Mutex<Vec<String>>> = LazyLock::new(|| {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !panic.location().is_some_and(|place| place.file().starts_with("tests/")) {
            PANICS.lock().unwrap_or_else(PoisonError::into_inner).push(panic.to_string());
        }
        usual(panic);
    }));
    Mutex::default()
});

/// A scene whose panics are seen.
pub async fn watched_scene() -> Scene {
    LazyLock::force(&PANICS);
    Scene::new().await
}

impl Scene {
    /// The server still issues certificates, and nothing has panicked.
    pub async fn is_well(&self) {
        assert_eq!(self.ask(&self.token()).await.status, 200);
        let panics = PANICS.lock().unwrap_or_else(PoisonError::into_inner).clone();
        assert!(panics.is_empty(), "{panics:?}");
    }
}
