# shellcheck shell=bash disable=SC2034,SC2154 # For run.sh, which has home.
# MooseFS: a master and two chunk servers. Debian: moosefs-master moosefs-chunkserver moosefs-client. It refuses 127.0.0.1.
programs=(mfsmaster mfschunkserver mfsmount)
address=10.77.15.2

up() {
    local number mount
    mkdir "$home/master"
    printf 'MFSM NEW' >"$home/master/metadata.mfs"
    echo '* / rw,alldirs,admin,maproot=0:0' >"$home/exports.cfg"
    : >"$home/topology.cfg"
    cat >"$home/master.cfg" <<END
WORKING_USER = root
WORKING_GROUP = root
DATA_PATH = $home/master
EXPORTS_FILENAME = $home/exports.cfg
TOPOLOGY_FILENAME = $home/topology.cfg
MATOML_LISTEN_HOST = $address
MATOCS_LISTEN_HOST = $address
MATOCL_LISTEN_HOST = $address
END
    inside mfsmaster -c "$home/master.cfg" start
    for number in 1 2; do
        mkdir -p "$home/chunks$number"/{data,disk}
        echo "$home/chunks$number/disk" >"$home/chunks$number/disks.cfg"
        cat >"$home/chunks$number/chunks.cfg" <<END
WORKING_USER = root
WORKING_GROUP = root
DATA_PATH = $home/chunks$number/data
HDD_CONF_FILENAME = $home/chunks$number/disks.cfg
HDD_LEAVE_SPACE_DEFAULT = 64MiB
MASTER_HOST = $address
CSSERV_LISTEN_HOST = $address
CSSERV_LISTEN_PORT = $((9430 + number))
END
        inside mfschunkserver -c "$home/chunks$number/chunks.cfg" start
    done
    for mount in a b writer; do
        try inside mfsmount "$home/$mount" -H "$address"
    done
    # The chunk servers come a few seconds later.
    try sh -c "echo x >'$home/writer/try' && sync '$home/writer/try'"
    rm "$home/writer/try"
}
