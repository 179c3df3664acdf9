# Sourced. Packages of a Debian suite from the mirror that this machine is set up with, by an apt with a state of its own: nothing on the
# system changes, and root is not needed. The archive's signatures are checked with the system's keyring.

# debian_mirror - the URI of the archive of Debian's packages that apt is set up with; asks nobody, and needs no package lists.
debian_mirror() {
    apt-get update --print-uris -o Debug::NoLocking=1 2>/dev/null |
        awk -F"'" '!found && sub(/\/debian\/dists\/.*/, "/debian", $2) { print $2; found = 1 } END { exit !found }'
}

# unpack_debian SUITE PACKAGE FOLDER - the package's files are in FOLDER/root then.
unpack_debian() {
    local suite="$1" package="$2" folder="$3" keyring=/usr/share/keyrings/debian-archive-keyring.gpg mirror options
    if ! command -v apt-get >/dev/null || ! command -v dpkg >/dev/null || [ ! -r "$keyring" ]; then
        echo "apt-get, dpkg and the package debian-archive-keyring are needed to fetch $package, and are not all here." >&2
        return 1
    fi
    mirror="$(debian_mirror)" || { echo "apt has no archive of Debian configured to fetch $package from." >&2; return 1; }
    rm -rf "$folder/apt" "$folder/root"
    mkdir -p "$folder/apt/lists/partial" "$folder/apt/cache/archives/partial"
    echo "deb [signed-by=$keyring] $mirror $suite main" >"$folder/apt/sources.list"
    options=(-qq -o "Dir::Etc::sourcelist=$folder/apt/sources.list" -o Dir::Etc::sourceparts=- -o "Dir::State=$folder/apt"
        -o "Dir::State::lists=$folder/apt/lists" -o "Dir::Cache=$folder/apt/cache" -o APT::Sandbox::User= -o Acquire::Languages=none
        -o Acquire::Retries=3 -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false)
    (cd "$folder/apt" && apt-get "${options[@]}" update && apt-get "${options[@]}" download "$package" && dpkg -x ./"${package}"_*.deb ../root) || {
        rm -rf "$folder/apt"
        echo "$package could not be fetched from Debian's $suite." >&2
        return 1
    }
    rm -rf "$folder/apt"
}
