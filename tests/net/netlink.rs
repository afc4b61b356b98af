//! Links, addresses and routes as the commands set them, compared with what iproute2 sees.

use super::support::Namespace;

#[test]
fn namespaces_clean_up() {
    let Some(namespace) = Namespace::new() else {
        return;
    };
    let name = namespace.name().to_owned();
    assert!(std::path::Path::new("/run/netns").join(&name).exists());
    drop(namespace);
    assert!(!std::path::Path::new("/run/netns").join(&name).exists());
}
