// sigstore-js: fetches the trusted root as its verifier does. `node tuf.cjs MIRROR ROOT CACHE`
const { getTrustedRoot } = require('@sigstore/tuf');

const [mirrorURL, rootPath, cachePath] = process.argv.slice(2);
getTrustedRoot({ mirrorURL, rootPath, cachePath, forceInit: true, force: true }).then(
  (root) => console.log(root.certificateAuthorities.map((one) => one.subject.commonName).join('\n')),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
