# shellcheck shell=bash disable=SC2034,SC2154 # For run.sh, which has home.
# GlusterFS with three replicas. Debian: glusterfs-server. It refuses 127.0.0.1.
programs=(glusterd gluster mount.glusterfs)
address=10.77.15.3

up() {
    local mount bricks=()
    mkdir -p "$home"/{lib,run} /var/run/gluster /var/log/glusterfs
    cat >"$home/glusterd.vol" <<END
volume management
    type mgmt/glusterd
    option working-directory $home/lib
    option transport-type socket
    option transport.socket.bind-address $address
    option ping-timeout 0
    option event-threads 1
    option run-directory $home/run
    option glusterd-sockfile $home/socket
end-volume
END
    inside glusterd -N -f "$home/glusterd.vol" -p "$home/glusterd.pid" -l "$home/glusterd.log" &
    try command_line volume list
    for number in 0 1 2; do
        mkdir "$home/brick$number"
        bricks+=("$address:$home/brick$number/data")
    done
    command_line volume create v replica 3 "${bricks[@]}" force
    command_line volume start v
    for mount in a b writer; do
        inside mount -t glusterfs "$address:/v" "$home/$mount"
    done
}

command_line() { inside gluster --mode=script --glusterd-sock="$home/socket" "$@"; }
