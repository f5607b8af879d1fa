# Completion for bash: goes to /usr/share/bash-completion/completions/openrange.
_openrange() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
    COMPREPLY=()
    # Options by what they take: a user, a file, something else; and those that take nothing.
    local user='' file='' other='' plain='' commands=''
    case ${COMP_WORDS[1]} in
    follow)
        file='--state --token-file --ca-file --cert-file --key-file'
        other='--from --on-gap --late --batch --linger --header --max-rate'
        plain='--until-end --until-caught-up --fail --progress -h --help'
        ;;
    work)
        other='-j --jobs --retry'
        plain='-h --help'
        ;;
    hooks)
        file='--ca-file --cert-file --key-file --secret --state'
        other='--allow --pauses --timeout'
        plain='--no-sandbox -h --help'
        ;;
    mirror)
        file='--token-file --ca-file --cert-file --key-file'
        other='--on-gap --late --header --max-rate'
        plain='--recursive --delete --fsync --until-caught-up --fail -h --help'
        ;;
    *)
        user='--user'
        file='--access-log --history --token-file --peer-key'
        other='--listen --trusted-proxy --access-log-format --threads --header-timeout --idle-timeout --send-timeout --min-rate --max-connections
            --max-connections-per-address --poll-interval --settle --peer --peer-listen --wait-max --tags --grace --log-level --log-format --admin --cors --host --write
            --jobs --job-timeout --job-keep --jobs-max --intake
            --append-max --body-memory --old-dir
            --follow-links'
        plain='--intake-open --no-sandbox -h --help -V --version'
        ((COMP_CWORD == 1)) && commands='follow hooks mirror work'
        ;;
    esac
    if _openrange_has "$user" "$before"; then
        mapfile -t COMPREPLY < <(compgen -u -- "$word")
    elif _openrange_has "$file" "$before"; then
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
    elif _openrange_has "$other" "$before"; then
        : # whatever it takes, it is no option
    elif [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$user $file $other $plain" -- "$word")
    else
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$word"; compgen -d -- "$word")
    fi
}

# Whether a list of words has this one.
_openrange_has() {
    local word
    for word in $1; do
        [[ $word == "$2" ]] && return 0
    done
    return 1
}
complete -F _openrange openrange
