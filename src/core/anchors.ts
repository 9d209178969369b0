import type { AuditAnchor } from '../generated/types.ts';
import type { Mark } from '../store/audit.ts';
import { canonical } from '../store/canonical.ts';
import type { Sealing } from '../store/table.ts';
import { hexOf } from './ids.ts';
import { iso } from './iso.ts';
import type { Signatures } from './jwt.ts';
import { decode, encode } from './jwt-text.ts';

/** What signs and reads the anchors of one vault. */
export interface Signing extends Sealing {
  signatures: Signatures;
  /** The vault's id. */
  issuer: string;
}

const signed = ({ vault_id: vault, seq, hash, made_at: at }: Omit<AuditAnchor, 'signature' | 'public_key'>) =>
  canonical('mobius/audit-anchor/1', vault, seq, hash, at);

/** Anchors say where the log stood, in a form that can be kept elsewhere and held against it later. */
export const makeSigner = ({ sealer, signatures, issuer }: Signing) => {
  let key: ReturnType<Signatures['keyFrom']> | undefined;
  /** It follows from the audit key, which a re-key carries over: who noted its public half knows every later anchor. */
  const ownKey = (): NonNullable<typeof key> => {
    key ??= signatures.keyFrom(sealer.auditMac(canonical('mobius/audit-signing-key/1')));
    return key;
  };

  return {
    anchorOf({ seq, hash }: Pick<Mark, 'seq' | 'hash'>, now: number): AuditAnchor {
      const { publicKey, privateKey } = ownKey();
      const said = { vault_id: issuer, seq, hash: hexOf(hash), made_at: iso(now) };
      return { ...said, public_key: publicKey, signature: encode(signatures.sign(privateKey, signed(said))) };
    },

    /** Undefined where this vault signed it. */
    whyNotOurs(anchor: AuditAnchor): string | undefined {
      if (anchor.vault_id !== issuer) return `it is of another vault, "${anchor.vault_id}"`;
      const { publicKey } = ownKey();
      const signature = decode(anchor.signature);
      const isOurs =
        anchor.public_key === publicKey &&
        signature?.length === 64 &&
        signatures.verify(publicKey, signed(anchor), signature);
      return isOurs ? undefined : 'this vault did not sign it, or it was changed';
    },
  };
};
