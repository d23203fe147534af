#!/bin/sh
# Admits each PN GW that has not enrolled yet, and hands its one-time string over in its volume. The string works once, and
# for an hour: a gateway that did not start in that time gets another when the deployment is brought up again.
set -eu
umask 077

cpnsctl() { node /cpns/apps/cpnsctl/bundle/main.js "$@"; }

# admit PN GATEWAY
admit() {
  entity="cpns://$1.$TRUST_DOMAIN/pn-gw/$2"
  code=0
  cpnsctl gateway show "$entity" >/dev/null 2>/tmp/why || code=$?
  case $code in
    0) echo "$entity has enrolled" && return ;;
    1) ;; # the Server knows no such gateway
    *) cat /tmp/why >&2 && exit "$code" ;;
  esac
  string="/deployment/$1-$2/one-time-string"
  rm -f "$string"
  cpnsctl entity admit --entity "$entity" --role pn-gw --form key-pair --address cpns-server:7401 \
    --dns "$1-$2" --dns localhost --ip 127.0.0.1 --out "$string"
}

admit pn1 gw1
admit pn2 gw2
