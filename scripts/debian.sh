# Debian's programs in a directory of their own, for scripts that source this file: nothing is installed,
# and no root is needed. The packages come from the mirror that this machine's own apt uses.

keyring=/usr/share/keyrings/debian-archive-keyring.gpg
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The first line that a program says of its version. `| head -n 1` closes the pipe on a program that has
# more to say: with pipefail its SIGPIPE then ends the script, on some days.
version_of() {
  local said
  said=$("$@" 2> /dev/null) || true
  echo "${said%%$'\n'*}"
}

refuse() {
  echo "$(basename "$0"): $1" >&2
  exit 1
}

# The first mirror of Debian itself in the system's sources, in either of apt's two formats.
mirror() {
  find /etc/apt/sources.list /etc/apt/sources.list.d -type f \
    \( -name '*.list' -o -name '*.sources' \) -exec cat {} + 2> /dev/null |
    sed -nE -e 's/^URIs:[[:space:]]*//p' -e 's/^deb[[:space:]]+(\[[^]]*\][[:space:]]*)?//p' |
    awk '$1 ~ /\/debian\/?$/ { print $1; exit }'
}

# Apt with sources, lists and a cache of its own, so that the system's stay as they are.
apt() {
  apt-get -qq -o Dir::Etc::SourceList="$work/sources.list" -o Dir::Etc::SourceParts=/dev/null \
    -o Dir::State::Lists="$work/lists" -o Dir::Cache="$work/cache" \
    -o APT::Sandbox::User="$(id -un)" "$@"
}

# unpack SUITE ROOT PROGRAM PACKAGE...: the packages of a suite in ROOT, and a script next to them that
# starts one of their programs with the libraries that they bring along.
unpack() {
  local suite=$1 root=$2 program=$3 script loader
  shift 3
  for tool in apt-get dpkg-deb; do
    command -v "$tool" > /dev/null || refuse "there is no $tool; these programs are Debian's."
  done
  [ -r "$keyring" ] || refuse "this machine has no $keyring; it is not a Debian."
  uri=${uri:-$(mirror || true)}
  [ -n "$uri" ] || refuse "this machine's apt knows no mirror of Debian."
  rm -rf "${work:?}"/* "$root"
  mkdir -p "$root" "$work/lists/partial" "$work/cache/archives/partial" "$work/packages"
  echo "deb [signed-by=$keyring] $uri $suite main" > "$work/sources.list"
  apt update
  (cd "$work/packages" && apt download "$@")
  for package in "$work"/packages/*.deb; do
    dpkg-deb --extract "$package" "$root"
  done
  rm -rf "${root:?}/usr/share"
  loader=$(find "$root" -name 'ld-linux*.so.*' -print -quit)
  script=$root/$(basename "$program")
  cat > "$script" << 'SCRIPT'
#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
SCRIPT
  cat >> "$script" << SCRIPT
libraries=\$(find "\$here" -name '*-linux-gnu*' -type d | paste -sd :)
exec "\$here/${loader#"$root"/}" --library-path "\$libraries" "\$here/$program" "\$@"
SCRIPT
  chmod +x "$script"
}
