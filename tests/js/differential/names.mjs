// Prints the names of the tags and filters that the original's engine knows.

import { createLiquidEngine } from '@novu/framework/internal';

import { evaluateCases } from './cases.mjs';

const engine = createLiquidEngine();

await evaluateCases((kind) => Object.keys(engine[kind]).sort());
