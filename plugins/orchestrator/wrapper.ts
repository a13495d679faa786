/**
 * What runs on the machine around a step, so that a step never runs twice and its end is never
 * forgotten, whoever asks again, whenever. POSIX sh, since nothing else may be assumed there.
 *
 *     stdin ─▶ whole? ─▶ mkdir <key> ──mine──▶ runner ─▶ out, exit     (exit appears by rename)
 *                            │                   └─▶ beat, once a second
 *                            └──there──▶ wait for exit while beat moves
 *
 * W1  The folder of a key is made once, by mkdir: only its maker starts a runner.
 * W2  A script that did not arrive whole starts nothing and takes no key.
 * W3  The runner is nobody's child on the way home: it goes on when the connection is lost.
 * W4  The exit file is there exactly when the script ended. A runner whose beat stands still without
 *     it is dead, and then nobody knows: never run again. Process ids tell nothing here, since each
 *     command may see a process table of its own.
 * W5  The script and its output travel through stdin and stdout, never through arguments.
 *
 * @module
 */
import type { Bytes, Count } from 'prov'

/** How much of a step's output is brought home: this much from its head and from its tail. */
export const keptOutput: Bytes = 32_768

/** A beat that stands still for so long belongs to a dead runner, even on a machine under load. */
const deadAfterSeconds: Count = 15

const runner = `
dir=$1 limit=$2 me=$$
cd "$HOME" || exit 1
if command -v setsid >/dev/null 2>&1; then
  setsid sh "$dir/script" >"$dir/out" 2>&1 </dev/null & pid=$! group=-$!
else
  sh "$dir/script" >"$dir/out" 2>&1 </dev/null & pid=$! group=$!
fi
(
  n=0
  while kill -s 0 $me 2>/dev/null; do
    n=$((n + 1))
    echo $n >"$dir/beat.new" && mv "$dir/beat.new" "$dir/beat"
    if [ $n -gt $limit ]; then
      : >"$dir/late"
      kill -s TERM -- $group 2>/dev/null
      [ $n -gt $((limit + 3)) ] && kill -s KILL -- $group 2>/dev/null
    fi
    sleep 1
  done
) &
beat=$!
wait $pid
echo $? >"$dir/exit.new" && mv "$dir/exit.new" "$dir/exit"
kill $beat 2>/dev/null
`

const wrapper = `
trap '' HUP
umask 077
key=$1 bytes=$2 nonce=$3 limit=$4 patience=$5
root=$HOME/.prov-steps
dir=$root/$key
say() { echo "prov-step $*"; }
mkdir -p "$root" || { say unable no folder in the home folder; exit 0; }
cat >"$root/in.$nonce" || { say unable the script could not be kept; exit 0; }
size=$(wc -c <"$root/in.$nonce" | tr -d ' ')
if [ "$size" != "$bytes" ]; then
  rm -f "$root/in.$nonce"
  say short "$size"
  exit 0
fi
if mkdir "$dir" 2>/dev/null; then
  mv "$root/in.$nonce" "$dir/script"
  sh -c "$runner" prov-runner "$dir" "$limit" </dev/null >/dev/null 2>&1 &
  say started
  wait $!
  [ -f "$dir/exit" ] || { say dead; exit 0; }
else
  rm -f "$root/in.$nonce"
  [ -d "$dir" ] || { say unable no room for its folder; exit 0; }
  say joined
  last=none still=0
  while [ ! -f "$dir/exit" ]; do
    now=$(cat "$dir/beat" 2>/dev/null)
    if [ "$now" = "$last" ]; then still=$((still + 1)); else still=0 last=$now; fi
    if [ $still -ge $patience ]; then
      [ -f "$dir/exit" ] && break
      say dead
      exit 0
    fi
    sleep 1
  done
fi
late=0
[ -f "$dir/late" ] && late=1
size=$(wc -c <"$dir/out" | tr -d ' ')
say exit "$(cat "$dir/exit")" $late "$size"
if [ "$size" -le ${2 * keptOutput} ]; then
  cat "$dir/out"
else
  dd if="$dir/out" bs=${keptOutput} count=1 2>/dev/null
  echo
  echo "[... $((size - ${2 * keptOutput})) bytes left out ...]"
  tail -c ${keptOutput} "$dir/out"
fi
`

/** The command for one step; its script goes to stdin. Arguments hold nothing of the operation. */
export function stepCommand(step: {
  /** Hex digits: names the step for ever. */
  readonly key: string
  readonly bytes: Bytes
  /** Hex digits, new each time. */
  readonly nonce: string
  readonly limitSeconds: Count
  /** How long a beat may stand still. Default 15. */
  readonly patienceSeconds?: Count
}): string {
  const text = `runner=${quoted(runner)}\n${wrapper}`
  const { key, bytes, nonce, limitSeconds, patienceSeconds = deadAfterSeconds } = step
  return `exec sh -c ${quoted(text)} prov-step ${key} ${bytes} ${nonce} ${limitSeconds} ${patienceSeconds}`
}

/** What the wrapper said last. */
export type StepAnswer =
  | {
      readonly kind: 'exit'
      readonly code: number
      readonly late: boolean
      /** All that it wrote, in bytes; `output` holds head and tail. */
      readonly size: Bytes
      readonly output: Buffer
    }
  | { readonly kind: 'dead' }
  /** Certainly not started. */
  | { readonly kind: 'short' }
  | { readonly kind: 'unable'; readonly why: string }

/** Undefined when the answer is not there or not whole: the connection was lost on the way. */
export function parseAnswer(said: Buffer): StepAnswer | undefined {
  let from = 0
  for (;;) {
    const to = said.indexOf(10, from)
    if (to < 0) return undefined
    const [name, kind, ...rest] = said.toString('utf8', from, to).split(' ')
    from = to + 1
    if (name !== 'prov-step') return undefined
    if (kind === 'started' || kind === 'joined') continue
    if (kind === 'dead' || kind === 'short') return { kind }
    if (kind === 'unable') return { kind, why: rest.join(' ') }
    if (kind !== 'exit') return undefined
    const [code, late, size] = rest.map(Number)
    if (code === undefined || late === undefined || size === undefined) return undefined
    const output = said.subarray(from)
    if (output.length < Math.min(size, 2 * keptOutput)) return undefined
    return { kind, code, late: late === 1, size, output }
  }
}

/** True once the machine said that the step runs, by us or by somebody before. */
export const isUnderWay = (said: Buffer): boolean =>
  /^prov-step (started|joined)\n/.test(said.toString('latin1', 0, 32))

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`
