# Completion for bash: goes to /usr/share/bash-completion/completions/openrange.
_openrange() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
    COMPREPLY=()
    case $before in
    --user)
        mapfile -t COMPREPLY < <(compgen -u -- "$word")
        return
        ;;
    --access-log | --token-file)
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        return
        ;;
    --listen | --admin | --threads | --header-timeout | --idle-timeout | --send-timeout | --max-connections | \
        --max-connections-per-address | --poll-interval | --grace | --cors)
        return # whatever it takes, it is no option
        ;;
    esac
    if [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '
            --listen
            --threads
            --header-timeout
            --idle-timeout
            --send-timeout
            --max-connections
            --max-connections-per-address
            --poll-interval
            --grace
            --admin
            --access-log
            --token-file
            --cors
            --user
            --no-sandbox
            -h --help
            -V --version
        ' -- "$word")
    else
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -d -- "$word")
    fi
}
complete -F _openrange openrange
