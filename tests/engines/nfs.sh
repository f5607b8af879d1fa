# shellcheck shell=bash disable=SC2034,SC2154 # For run.sh, which has home.
# NFS 4.2: Ganesha over a local directory, and the kernel's client. Debian: nfs-ganesha nfs-ganesha-vfs nfs-common.
programs=(ganesha.nfsd mount.nfs)
address=10.77.15.5

up() {
    local mount
    # modprobe may be missing, or have nothing to load.
    modprobe nfsv4 || true
    grep -qw nfs4 /proc/filesystems || { echo "this kernel has no client of NFS 4"; return 1; }
    mkdir "$home/export"
    cat >"$home/ganesha.conf" <<END
NFS_CORE_PARAM { Bind_addr = $address; Protocols = 4; }
NFSv4 { RecoveryRoot = $home; Grace_Period = 1; }
EXPORT {
    Export_Id = 1; Path = $home/export; Pseudo = /files; Access_Type = RW; Squash = No_Root_Squash; SecType = sys;
    FSAL { Name = VFS; }
}
END
    inside ganesha.nfsd -f "$home/ganesha.conf" -L "$home/ganesha.log" -p "$home/ganesha.pid"
    for mount in a b writer; do
        # nosharecache: as if they were three machines.
        try inside mount -t nfs4 -o "vers=4.2,nosharecache,actimeo=3" "$address:/files" "$home/$mount"
    done
}
