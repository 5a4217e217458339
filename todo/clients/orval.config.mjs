export default {
  todo: {
    input: "./generated/openapi.json",
    output: {
      target: "generated/orval.ts",
      client: "fetch",
      override: { mutator: { path: "./src/orval-fetch.ts", name: "orvalFetch" } },
    },
  },
};
