# Functions for the scripts in this folder. Source it.

export DEBIAN_FRONTEND=noninteractive

# die prints a message and ends the script.
die() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

# apt_install fetches the package lists and installs those of the packages that are not
# there yet. A mirror that is being updated answers with lists that do not fit together;
# the next try finds it done.
apt_install() {
	local missing=() package
	apt-get -q update || { sleep 5 && apt-get -q update; } || return
	for package; do
		dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed ||
			missing+=("$package")
	done
	[ ${#missing[@]} -eq 0 ] || apt-get -q -y --no-install-recommends install "${missing[@]}"
}
