//! `store::mounts`: the list that proc_pid_mountinfo(5) describes.

use openrange::store::mounts::{Mount, parse};

const LIST: &str = "\
23 29 0:21 / /proc rw,nosuid,nodev shared:12 - proc proc rw
29 1 259:1 / / rw,relatime shared:1 - ext4 /dev/root rw
230 29 0:50 / /mnt/a\\040b rw,nosuid - fuse.glusterfs one:/volume rw,user_id=0
231 29 0:51 / /mnt/c rw shared:3 master:4 - fuse.bindfs /real rw,user_id=0
";

#[test]
fn a_mount_is_found_by_its_number() {
    let mount = |file_system: &str, source: &str| {
        Some(Mount {
            file_system: file_system.to_owned(),
            source: source.to_owned(),
        })
    };
    for (id, expected) in [
        (29, mount("ext4", "/dev/root")),
        (230, mount("fuse.glusterfs", "one:/volume")),
        (231, mount("fuse.bindfs", "/real")),
        (2, None),
        (1, None),
    ] {
        assert_eq!(parse(LIST, id), expected, "{id}");
    }
    for broken in ["", "29", "29 1 259:1 / / rw", "29 1 259:1 / / rw - ext4"] {
        assert_eq!(parse(broken, 29), None, "{broken:?}");
    }
}

#[test]
fn the_kind_of_a_fuse_file_system() {
    for (file_system, source, expected) in [
        ("fuse.glusterfs", "one:/volume", Some("glusterfs")),
        ("fuse.ceph-fuse", "ceph-fuse", Some("ceph-fuse")),
        // As MooseFS 3.0 is listed.
        ("fuse", "mfs\\04310.0.0.1:9421", Some("mfs")),
        ("fuse", "mfs#host:9421", Some("mfs")),
        ("fuse", "/dev/fuse", None),
        ("fuseblk", "/dev/sda1", None),
        ("ext4", "mfs#host:9421", None),
    ] {
        let mount = Mount {
            file_system: file_system.to_owned(),
            source: source.to_owned(),
        };
        assert_eq!(mount.fuse_kind(), expected, "{mount:?}");
    }
}
