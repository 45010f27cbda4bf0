#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs the tester against each bug of tests/mutants.txt.

usage: mutants.py [--seconds N] [--work DIR] [--report FILE] [--only REGEX] [--results FILE] [--apply]

Each mutant is put into a copy of the source and built; `vmmu check` has N seconds (10) to see it,
and if it does not, as long again with a library that lets another CPU go on in the middle of an
operation; then the tests of single facts are asked.  A sequence that `vmmu check` prints is done
again without the mutant: if that is a difference too, the tester is wrong, and the run ends.
Printed are who killed it, how long finding took, and how many operations the shrunk sequence has.
--results keeps them, so that a run that was broken off goes on where it was.  --apply only looks
whether each mutant still applies.  Exit status 1 if one without a `why` survives, or does not apply.
"""
import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# What looks at single facts, by speed.
COMMANDS = [('tools/vmmu', [], ''), ('tests/vmmu-yield', ['--mix', 'smp'], ', in a race')]
TESTS = ['silicon_alone', 'refs', 'shadow', 'shadow_pages', 'shadow_limits', 'events', 'events_pages', 'walk',
         'walk_nested', 'pt', 'pt_check', 'mode', 'mode_cached', 'api', 'api_vm', 'entry', 'oom', 'explain']


def read_mutants(path):
    mutants = []
    for line in open(path):
        line = line.rstrip('\n')
        if line.startswith('mutant '):
            mutants.append({'name': line[7:], 'old': [], 'new': [], 'why': ''})
        elif not mutants or not line or line[0] == '#':
            continue
        elif line[:7].strip() in ('of', 'file', 'why'):
            mutants[-1][line[:7].strip()] = line[7:]
        elif line[0] in '+- ':
            for side, sign in (('old', '-'), ('new', '+')):
                if line[0] in ' ' + sign:
                    mutants[-1][side].append(line[1:] + '\n')
        else:
            sys.exit('%s: what is "%s"?' % (path, line))
    return mutants


def applied(m):
    """The mutated file's text, or None."""
    text = open(os.path.join(ROOT, m['file'])).read()
    old, new = ''.join(m['old']), ''.join(m['new'])
    return text.replace(old, new) if text.count('\n' + old) == 1 else None


def run(command, seconds, **more):
    """Exit status (None: too long), output and errors."""
    try:
        p = subprocess.run(command, timeout=seconds, stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, universal_newlines=True, **more)
        return p.returncode, p.stdout, p.stderr
    except subprocess.TimeoutExpired as e:
        return None, '', (e.stderr or b'').decode() if e.stderr else ''


def build(work, targets):
    status, out, _ = run(['ninja', '-C', os.path.join(work, 'b')] + targets, 600)
    if status:
        sys.exit(out[-3000:])


def prepare(work):
    shutil.rmtree(work, ignore_errors=True)
    os.makedirs(work)
    for d in ('lib', 'shadow', 'nested', 'realmode', 'tools', 'examples', 'tests', 'docs',
              'meson.build', 'meson_options.txt'):
        src = os.path.join(ROOT, d)
        skip = shutil.ignore_patterns('data')
        if os.path.isdir(src):
            shutil.copytree(src, os.path.join(work, d), ignore=skip)
        else:
            shutil.copy(src, work)
    os.symlink(os.path.join(ROOT, 'tests/data'), os.path.join(work, 'tests/data'))
    status, out, err = run(['meson', 'setup', os.path.join(work, 'b'), work,
                            '-Doptimization=1', '-Dplain_tests=true'], 300)
    if status:
        sys.exit(out[-3000:] + err[-3000:])
    build(work, [c[0] for c in COMMANDS])
    for command, _, _ in COMMANDS:
        shutil.copy(os.path.join(work, 'b', command), as_it_is(work, command))


def as_it_is(work, command):
    """That command without a mutant."""
    return os.path.join(work, os.path.basename(command))


def by_check(work, command, seconds):
    """(killed by, seconds to find, operations)"""
    begin = time.time()
    status, out, err = run([os.path.join(work, 'b', command[0])] + command[1:] +
                           ['--seconds', str(seconds)], seconds + 120)
    if status == 0:
        return None
    if re.search('^world ', out, re.M):
        again, _, why = run([as_it_is(work, command[0]), 'check', '--replay', '-'], 120, input=out)
        if again != 0:
            sys.exit('a false alarm, which is there without the mutant too:\n' + out + why)
    found = re.search(r'a difference after .* operations, ([\d.]+) s', err)
    short = re.search(r'^# (\d+) operations', out, re.M)
    how = 'check' if found else 'check: it hangs' if status is None else 'check: it crashes'
    return how, float(found.group(1)) if found else time.time() - begin, \
        int(short.group(1)) if short else None


def by_races(work):
    begin = time.time()
    status, _, _ = run(['sh', os.path.join(work, 'tests/scripts/races.sh'),
                        os.path.join(work, 'b/tests/vmmu-yield'),
                        os.path.join(work, 'b/tools/vmmu')], 300)
    return ('races.sh', time.time() - begin, None) if status else None


def by_tests(work):
    build(work, ['tests/test_' + t for t in TESTS])
    for t in TESTS:
        begin = time.time()
        env = dict(os.environ, VMMU_TESTDATA=os.path.join(ROOT, 'tests/data'))
        status, _, _ = run([os.path.join(work, 'b/tests/test_' + t)], 120, env=env)
        if status != 0:
            return 'test_' + t, time.time() - begin, None
    return None


def try_mutant(work, m, seconds):
    path = os.path.join(work, m['file'])
    was = open(path).read()
    try:
        with open(path, 'w') as f:
            f.write(applied(m))
        # What only a race shows, the first cannot see.
        for command, options, how in COMMANDS['(a race)' in m['name']:]:
            build(work, [command])
            found = by_check(work, [command, 'check'] + options, seconds)
            if found:
                return (found[0] + how,) + found[1:]
        return by_races(work) or by_tests(work)
    finally:
        with open(path, 'w') as f:
            f.write(was)


def report(to, results, seconds):
    killed = [r for _, r in results if r]
    checked = [r for r in killed if r[0].startswith('check')]
    lengths = [r[2] for r in checked if r[2]]
    to.write('# Mutants: bugs that the tester is shown\n\n'
             'Made by `tests/mutants.py --report docs/mutants.md`; the bugs are in '
             '`tests/mutants.txt`.\n`vmmu check` had %d seconds for each, on one core; '
             'what it did not see, the tests of single facts were asked.\n'
             'A sequence that it found was done again without the mutant, where it has to be no difference.\n'
             'A number is a real bug in the catalogue that the project was begun with; '
             '"rules" are the architecture\'s.\n\n'
             '%d mutants: %d killed, %d of them by `vmmu check`; median %.1f s to find, '
             '%d operations at the longest (median %d).\n\n'
             '| mutant | of | where | killed by | found after | operations |\n'
             '|---|---|---|---|---:|---:|\n'
             % (seconds, len(results), len(killed), len(checked),
                statistics.median(r[1] for r in checked) if checked else 0,
                max(lengths, default=0), statistics.median(lengths) if lengths else 0))
    for m, r in results:
        by, after, ops = r or ('**survives**: ' + (m['why'] or 'not known why'), None, None)
        to.write('| %s | %s | %s | %s | %s | %s |\n'
                 % (m['name'], m['of'], m['file'], by, '%.1f s' % after if after is not None
                    else '', ops or ''))


def main():
    p = argparse.ArgumentParser()
    p.add_argument('--seconds', type=int, default=10)
    p.add_argument('--work', default=os.path.join(ROOT, 'build-mutants'))
    p.add_argument('--report')
    p.add_argument('--only', default='')
    p.add_argument('--results')
    p.add_argument('--apply', action='store_true')
    o = p.parse_args()
    mutants = [m for m in read_mutants(os.path.join(ROOT, 'tests/mutants.txt'))
               if re.search(o.only, m['name'])]
    lost = [m['name'] for m in mutants if applied(m) is None]
    if lost:
        sys.exit('these do not apply: ' + '; '.join(lost))
    print('%d mutants apply' % len(mutants))
    if o.apply:
        return
    prepare(o.work)
    known = json.load(open(o.results)) if o.results and os.path.exists(o.results) else {}
    results = []
    for m in mutants:
        r = known[m['name']] if m['name'] in known else try_mutant(o.work, m, o.seconds)
        results.append((m, r))
        known[m['name']] = r
        if o.results:
            with open(o.results, 'w') as f:
                json.dump(known, f, indent=1)
        print('%-50s %s' % (m['name'], '%s, %.1f s, %s operations' % (r[0], r[1], r[2] or '?')
                            if r else 'SURVIVES ' + m['why']), flush=True)
    if o.report:
        with open(o.report, 'w') as f:
            report(f, results, o.seconds)
    sys.exit(any(not r and not m['why'] for m, r in results))


if __name__ == '__main__':
    main()
