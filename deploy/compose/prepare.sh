#!/bin/sh
# Makes, once, what every part of the deployment needs before it starts: development certificates, a master key for each
# service, and a Redis user for each service of the Server side. Every part gets a volume of its own, and sees no other.
set -eu
umask 077

cd /deployment
if [ -e authority/done ]; then
  echo "prepared before, for the trust domain $(cat authority/done)"
  [ "$(cat authority/done)" = "$TRUST_DOMAIN" ] && exit 0
  echo "another one, $TRUST_DOMAIN, needs new volumes: docker-compose down --volumes removes the old ones" >&2
  exit 1
fi
# Nothing was started with what an interrupted run left behind: it is all made anew.
rm -rf /tmp/pki
node /cpns/apps/cpnsctl/bundle/main.js pki init --trust-domain "$TRUST_DOMAIN" --out /tmp/pki --operator admin >/tmp/made

random() { head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n'; }

# give PART FILE...: certificates and keys
give() {
  part=$1
  shift
  for file; do cp "/tmp/pki/$file" "$part/$file"; done
}

# Needed for nothing but a new issuing CA: no service sees it, and a deployment of weight keeps it elsewhere.
give authority root.pem root.key
give operator root.pem issuing.pem operator-chain.pem operator.key

# Every client of Redis has a name. Redis reads its own append-only file as the default user, which needs all rights for that;
# being off, it is of use to no client. A health check may ask whether Redis lives.
echo 'user default off resetpass ~* &* +@all' >redis/users.acl
echo 'user health on nopass resetkeys resetchannels -@all +ping' >>redis/users.acl
for service in cpns-server kmc smf; do
  give "$service" root.pem issuing.pem "$service-chain.pem" "$service.key"
  random >"$service/master.key"
  password=$(random)
  digest=$(printf %s "$password" | sha256sum | cut -d ' ' -f 1)
  echo "user $service on #$digest resetkeys ~$service:* resetchannels &0:$service:* +@all -@admin -@dangerous +info" \
    >>redis/users.acl
  printf %s "redis://$service:$password@redis:6379?prefix=$service:" >"$service/store-url"
done
give cpns-server issuing.key server-entity-ca.pem server-entity-ca.key

for gateway in pn1-gw1 pn2-gw2; do
  give "$gateway" root.pem
  random >"$gateway/master.key"
done

rm -rf /tmp/pki
printf %s "$TRUST_DOMAIN" >authority/done
echo "prepared for the trust domain $TRUST_DOMAIN"
