// Named one by one, so that the build leaves out the prompts that nobody asks, and what they load.
export { checkbox, confirm, input, password, search, select } from '@inquirer/prompts';
