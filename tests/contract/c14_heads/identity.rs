//! Tags where the file system has no identity to offer: FUSE of a kind that is not known.

use crate::support::client::{etag, get};
use crate::support::fuse::Fuse;
use crate::support::harness::{Server, TempDir};
use crate::support::machine::{in_namespace, skip};

const FIRST: &[u8] = b"the first file, with bytes of its own\n";
const OTHER: &[u8] = b"another file, which has the same number\n";

#[test]
fn no_two_files_share_a_tag_and_a_file_that_grows_keeps_its_own() {
    in_namespace(
        module_path!(),
        "no_two_files_share_a_tag_and_a_file_that_grows_keeps_its_own",
        || {
            let root = TempDir::new();
            root.mkdir("mounted");
            let fuse = match Fuse::mount(&root.join("mounted")) {
                Ok(fuse) => fuse,
                Err(error) => return skip(&format!("no FUSE: {error}")),
            };
            fuse.state().create("log", FIRST);
            let server = Server::with(root.path(), &["--threads", "1"]);
            let first = etag(&server, "/mounted/log");
            fuse.state().file("log").bytes.extend_from_slice(b"more\n");
            assert_eq!(etag(&server, "/mounted/log"), first, "it has grown");
            // Another file gets the inode number and the node number of the first one.
            fuse.state().file("log").bytes = [OTHER, OTHER].concat();
            let other = etag(&server, "/mounted/log");
            assert_ne!(other, first);
            let resume = |server: &Server, tag: &str| {
                let tag = format!("If-Match: {tag}");
                get(server, "/mounted/log", &["Range: bytes=5-8", &tag]).status
            };
            assert_eq!(
                (resume(&server, &first), resume(&server, &other)),
                (412, 206)
            );
            // Nobody knows which file had the number while no server ran.
            assert!(server.stop().success());
            let server = Server::with(root.path(), &["--threads", "1"]);
            assert_eq!(resume(&server, &other), 412);
            assert_eq!(resume(&server, &etag(&server, "/mounted/log")), 206);
        },
    );
}
