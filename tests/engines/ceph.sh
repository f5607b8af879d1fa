# shellcheck shell=bash disable=SC2034,SC2154 # For run.sh, which has home.
# CephFS by ceph-fuse: a monitor, a manager, a metadata server and an object store in memory. Debian: ceph-mon ceph-mgr ceph-osd
# ceph-mds ceph-fuse ceph-common. It takes a gigabyte of memory.
programs=(ceph ceph-mon ceph-mgr ceph-osd ceph-mds ceph-fuse monmaptool)
address=10.77.15.4

up() {
    local mount cluster store
    mkdir "$home"/{run,logs,mon,mgr,osd,mds}
    cluster=$(cat /proc/sys/kernel/random/uuid)
    store=$(cat /proc/sys/kernel/random/uuid)
    export CEPH_CONF=$home/ceph.conf
    cat >"$CEPH_CONF" <<END
[global]
fsid = $cluster
mon host = $address:6789
mon initial members = a
auth cluster required = none
auth service required = none
auth client required = none
run dir = $home/run
log file = $home/logs/\$name.log
admin socket = $home/run/\$name.\$pid.asok
pid file = $home/run/\$name.pid
osd pool default size = 1
osd pool default min size = 1
osd crush chooseleaf type = 0
mon allow pool size one = true
osd pool default pg num = 8
osd pool default pgp num = 8
osd pool default pg autoscale mode = off
ms bind msgr2 = false
[mon]
mon data = $home/mon
mon data avail crit = 1
[mgr]
mgr data = $home/mgr
mgr initial modules =
[osd]
osd data = $home/osd
osd objectstore = memstore
memstore device bytes = 1073741824
[mds]
mds data = $home/mds
[client]
pid file = $home/run/client.\$pid.pid
END
    monmaptool --create --fsid "$cluster" --addv a "[v1:$address:6789]" "$home/monmap"
    inside ceph-mon --mkfs -i a --monmap "$home/monmap"
    inside ceph-mon -i a
    try inside timeout 5 ceph -s
    inside ceph-mgr -i x
    try inside ceph osd new "$store"
    inside ceph-osd -i 0 --mkfs --osd-uuid "$store"
    inside ceph-osd -i 0
    try inside ceph osd pool create meta 8
    try inside ceph osd pool create data 8
    try inside ceph fs new files meta data
    inside ceph-mds -i a
    try active
    for mount in a b writer; do
        inside ceph-fuse "$home/$mount"
    done
}

active() { inside ceph mds stat | grep -q up:active; }
