// Named one by one, so that the build leaves out the prompts that nobody asks, and what they load.
export { confirm, input, password, select } from '@inquirer/prompts';
