// Verifies a bundle with sigstore-js's library: chain, signed certificate timestamp, signature and identity. Run in the
// folder of `sigmint dev`.  node verify.cjs BUNDLE IDENTITY ISSUER [FILE]
//
// The library takes its notion of time from a Rekor entry or a timestamp only. Neither is here, so it is given the clock's,
// as cosign does with --insecure-ignore-tlog.
const fs = require('fs');
const { bundleFromJSON } = require('@sigstore/bundle');
const { TrustedRoot } = require('@sigstore/protobuf-specs');
const { toSignedEntity, toTrustMaterial, Verifier } = require('@sigstore/verify');

const [bundle, subjectAlternativeName, issuer, file] = process.argv.slice(2);
const json = (name) => JSON.parse(fs.readFileSync(name, 'utf8'));
const trusted = toTrustMaterial(TrustedRoot.fromJSON(json('trusted_root.json')));
const entity = toSignedEntity(bundleFromJSON(json(bundle)), file && fs.readFileSync(file));
const verifier = new Verifier(trusted, { ctlogThreshold: 1, tlogThreshold: 0 });
verifier.verifyTimestamps = () => [new Date()];
verifier.verify(entity, { subjectAlternativeName, extensions: { issuer } });
