# SPDX-License-Identifier: BSD-2-Clause
# Sourced by setup.sh: gets Unicorn 2.1, which vmmu-run needs.  Where the distribution's own is older
# (Debian 12), its library alone comes from the next Debian, by the machine's own apt
# sources; the list of that suite is kept apart, so that nothing else is upgraded or even seen.

unicorn_there()
{
	command -v pkg-config >/dev/null 2>&1 && pkg-config --atleast-version=2.1 unicorn
}

# What apt would install by itself.
unicorn_offered()
{
	version=$(apt-cache policy libunicorn-dev 2>/dev/null | sed -n 's/^ *Candidate: *//p')
	[ -n "$version" ] && dpkg --compare-versions "$version" ge 2.1
}

# suite_sources DIR FROM TO: DIR's sources (as /etc/apt) of the suite FROM, but of TO, into
# unicorn.list and unicorn.sources in the current directory.
suite_sources()
{
	dir=$1 from=$2 to=$3
	: >unicorn.list
	: >unicorn.sources
	for file in "$dir/sources.list" "$dir"/sources.list.d/*.list; do
		[ ! -f "$file" ] || awk -v from="$from" -v to="$to" '
			{ sub(/#.*/, "") }
			$1 == "deb" {
				# Options may have spaces: [ a=b c=d ]
				opt = match($0, /\[[^]]*\]/) ? substr($0, RSTART, RLENGTH) " " : ""
				rest = $0
				sub(/\[[^]]*\]/, "", rest)
				n = split(rest, f, /[ \t]+/)
				uri = f[1] == "" ? 3 : 2
				if (n > uri + 1 && f[uri + 1] == from)
					print "deb " opt f[uri] " " to " main"
			}' "$file" >>unicorn.list
	done
	for file in "$dir"/sources.list.d/*.sources; do
		[ ! -f "$file" ] || awk -v from="$from" -v to="$to" '
			function stanza(	i, n, f) {
				if (deb && found && !off) {
					for (i = 1; i <= lines; i++)
						print line[i]
					print "Suites: " to "\nComponents: main\n"
				}
				lines = deb = found = off = 0
				field = ""
			}
			/^[ \t]*#/ { next }
			/^[ \t]*$/ { stanza(); next }
			/^[^ \t]/ { field = tolower($1); sub(/:.*/, "", field) }
			{
				n = split($0, word, /[ \t:]+/)
				for (i = /^[ \t]/ ? 1 : 2; i <= n; i++) {
					if (field == "types" && word[i] == "deb")
						deb = 1
					if (field == "suites" && word[i] == from)
						found = 1
					if (field == "enabled" && tolower(word[i]) == "no")
						off = 1
				}
				if (field == "types")
					line[++lines] = /^[ \t]/ ? "" : "Types: deb"
				else if (field != "suites" && field != "components")
					line[++lines] = $0
				if (line[lines] == "")
					lines--
			}
			END { stanza() }' "$file" >>unicorn.sources
	done
	[ -s unicorn.list ] || [ -s unicorn.sources ]
}

# Debian 12's next is 13.  In the current directory, which is a scratch one.
unicorn_from_next()
{
	. /etc/os-release
	if [ "${VERSION_CODENAME-}" != bookworm ]; then
		echo "its Unicorn is older than 2.1"
		return 1
	fi
	if ! suite_sources /etc/apt bookworm trixie; then
		echo "no apt source of bookworm was found to derive trixie's from"
		return 1
	fi
	mkdir -p parts lists/partial
	[ ! -s unicorn.list ] || cp unicorn.list parts/
	[ ! -s unicorn.sources ] || cp unicorn.sources parts/
	set -- -qq -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$PWD/parts" \
		-o Dir::State::lists="$PWD/lists" -o APT::Get::List-Cleanup=0 \
		-o pkgCacheFile="$PWD/pkgcache.bin" -o Dir::Cache::pkgcache="$PWD/pkgcache.bin" \
		-o Dir::Cache::srcpkgcache="$PWD/srcpkgcache.bin" -o APT::Sandbox::User=root
	if ! $sudo apt-get "$@" -o APT::Update::Error-Mode=any update >update.log 2>&1; then
		echo "this machine's apt sources have no suite trixie"
		return 1
	fi
	if ! $sudo apt-get "$@" download libunicorn2t64 libunicorn-dev >get.log 2>&1 &&
		! $sudo apt-get "$@" download libunicorn2 libunicorn-dev >>get.log 2>&1; then
		echo "trixie has no libunicorn-dev here"
		return 1
	fi
	# Their dependencies from this machine's own suite.
	if ! DEBIAN_FRONTEND=noninteractive $sudo apt-get -qq install -y --no-install-recommends \
		--no-upgrade --no-remove "$PWD"/libunicorn*.deb >install.log 2>&1; then
		echo "libunicorn of trixie does not install here: $(tail -n 1 install.log)"
		return 1
	fi
}

# Never fails: without Unicorn all else builds, and what needs it is skipped.
need_unicorn()
{
	unicorn_there && return 0
	command -v apt-get >/dev/null 2>&1 || {
		echo "Unicorn 2.1 is missing: \`vmmu run' is not built" >&2
		return 0
	}
	sudo=
	[ "$(id -u)" = 0 ] || sudo=sudo
	echo "Installing: libunicorn-dev (2.1 or newer)" >&2
	if unicorn_offered; then
		DEBIAN_FRONTEND=noninteractive $sudo apt-get -qq install -y \
			--no-install-recommends libunicorn-dev >&2 || true
	else
		scratch=$(mktemp -d)
		why=$(cd "$scratch" && unicorn_from_next) ||
			echo "Unicorn 2.1 cannot be had: $why" >&2
		$sudo rm -rf "$scratch"
	fi
	unicorn_there || echo "Without Unicorn 2.1: \`vmmu run' is not built, its tests are skipped" >&2
	return 0
}
