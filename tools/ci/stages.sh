# Sourced by .ci/run and .ci/full. A stage is timed and logged to out/ci/<name>.log; when it fails, its log is shown,
# the stages after it still run, and the whole run fails.

logs=out/ci
# names of the stages that failed, one a line: a file, since stages that run side by side are processes of their own
failed=$logs/failed
export CI=true NX_DAEMON=false

stage() {
  local name=$1 started=$SECONDS
  shift
  if "$@" >"$logs/$name.log" 2>&1; then
    printf '%-20s ok      %4d s\n' "$name" $((SECONDS - started))
    return
  fi
  echo "$name" >>"$failed"
  printf '%-20s FAILED  %4d s   %s\n%s\n' "$name" $((SECONDS - started)) "$*" \
    "$(echo "  $logs/$name.log:" && shorten "$logs/$name.log" | sed 's/^/  | /')"
}

# Runs functions of stages at the same time: for stages that keep one core busy each.
side_by_side() {
  local lane lanes=()
  for lane; do
    "$lane" &
    lanes+=($!)
  done
  for lane in "${lanes[@]}"; do wait "$lane" || echo "process $lane" >>"$failed"; done
}

# npm says first what is wrong, most tools say it last.
shorten() {
  if [ "$(wc -l <"$1")" -le 60 ]; then
    cat "$1"
  else
    head -n 12 "$1"
    echo '...'
    tail -n 40 "$1"
  fi
}

# For what nothing can go on without.
required_stage() {
  stage "$@"
  if [ -e "$failed" ]; then finish; fi
}

debian_packages() {
  local missing=()
  command -v redis-server >/dev/null || missing+=(redis-server)
  command -v openssl >/dev/null || missing+=(openssl)
  if [ ${#missing[@]} = 0 ]; then return; fi
  # run level 1: the package must not start a daemon of its own
  export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
  apt-get update -qq && apt-get install -qq -y --no-install-recommends "${missing[@]}"
}

lint_lane() {
  # one process for all projects shares their types: a quarter of the time of `npm run lint` without its cache
  stage lint npx --no-install eslint --no-error-on-unmatched-pattern '{libs,apps,tools}/*/src/**/*.ts' 'e2e/src/**/*.ts'
}

check_lane() {
  stage lint-rules node tools/lint/pure-decisions.check.mjs
  stage imports npm run --silent imports
  stage format npx --no-install prettier --check .
  # not `npm run typecheck`, which restores generated files under the eyes of the linter
  stage typecheck npx --no-install tsc -p tsconfig.json
  stage buf-lint npx --no-install buf lint
  stage buf-format npx --no-install buf format --diff --exit-code
}

check_workspace() {
  rm -rf "$logs" out/test
  mkdir -p "$logs"
  required_stage packages debian_packages
  required_stage npm-ci npm ci --no-progress
  stage demo npm run demo
  required_stage bundle npm run bundle
  # suites that start programs start what is shipped
  stage test env TESTBED_PROGRAMS=bundle npm test
  side_by_side lint_lane check_lane
}

# The sum over all suites is the last line, alone; whatever else went wrong stands above it.
finish() {
  local status=0
  if [ -e "$failed" ]; then
    echo "failed stages: $(paste -sd ' ' "$failed")"
    status=1
  fi
  node tools/ci/summary.mjs "$@" || status=1
  exit $status
}
