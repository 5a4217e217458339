export default {
  input: "./generated/openapi.json",
  output: "generated/hey-api",
  plugins: ["@hey-api/typescript", { name: "zod", dates: { offset: true } }, { name: "@hey-api/sdk", validator: true }, "@hey-api/client-fetch"],
};
