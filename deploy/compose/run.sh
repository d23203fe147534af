#!/bin/sh
# run.sh APP: a service of the Server side. Its store's URL holds a password, so that it is read from a file and stands in
# no compose file.
set -eu
CPNS_STORE=$(cat /run/cpns/store-url)
export CPNS_STORE
exec node "/cpns/apps/$1/bundle/main.js"
