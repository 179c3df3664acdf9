// Verifies a bundle with sigstore-js's library: chain, signed certificate timestamp, entry of the log, signature and identity. Run in the
// folder of `sigmint dev`.  node verify.cjs BUNDLE IDENTITY ISSUER [FILE]
const fs = require('fs');
const { bundleFromJSON } = require('@sigstore/bundle');
const { TrustedRoot } = require('@sigstore/protobuf-specs');
const { toSignedEntity, toTrustMaterial, Verifier } = require('@sigstore/verify');

const [bundle, subjectAlternativeName, issuer, file] = process.argv.slice(2);
const json = (name) => JSON.parse(fs.readFileSync(name, 'utf8'));
const trusted = toTrustMaterial(TrustedRoot.fromJSON(json('trusted_root.json')));
const entity = toSignedEntity(bundleFromJSON(json(bundle)), file && fs.readFileSync(file));
const verifier = new Verifier(trusted, { ctlogThreshold: 1, tlogThreshold: 1 });
verifier.verify(entity, { subjectAlternativeName, extensions: { issuer } });
